"""Events: their families, and what those of jobs say."""

from __future__ import annotations

from datetime import datetime, timezone
from uuid import UUID

import pytest

from rota import model
from rota.model import (
    DataStoreEvent,
    Event,
    Job,
    JobAcquired,
    JobOutcome,
    JobReleased,
    JobResult,
    SchedulerEvent,
)

NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)
EVENTS = {
    name: cls
    for name, cls in vars(model).items()
    if isinstance(cls, type) and issubclass(cls, Event)
}


def job() -> Job:
    return Job(
        id=UUID(int=1),
        task_id="task",
        schedule_id="schedule",
        executor="async",
        scheduled_fire_time=NOW,
        created_at=NOW,
    )


def released(
    exception: BaseException | None, outcome: JobOutcome = JobOutcome.error
) -> JobReleased:
    result = JobResult.from_job(
        job(), outcome, started_at=NOW, finished_at=NOW, exception=exception
    )
    return JobReleased.from_result(job(), result, "host-1", NOW)


def test_every_event_belongs_to_a_family() -> None:
    families = {"Event", "DataStoreEvent", "SchedulerEvent"}
    strays = [
        name
        for name, cls in EVENTS.items()
        if name not in families and not issubclass(cls, DataStoreEvent | SchedulerEvent)
    ]
    assert len(EVENTS) == 21
    assert strays == []


@pytest.mark.parametrize("cls", EVENTS.values(), ids=EVENTS)
def test_every_event_needs_a_time(cls: type[Event]) -> None:
    with pytest.raises(TypeError, match="timestamp"):
        cls()  # type: ignore[call-arg]


def test_acquired_event_describes_the_job() -> None:
    assert JobAcquired.from_job(job(), "host-1", NOW) == JobAcquired(
        timestamp=NOW,
        job_id=UUID(int=1),
        scheduler_id="host-1",
        task_id="task",
        schedule_id="schedule",
        scheduled_start=NOW,
    )


def test_released_event_of_a_success_says_nothing_of_exceptions() -> None:
    event = released(None, JobOutcome.success)
    assert event == JobReleased(
        timestamp=NOW,
        job_id=UUID(int=1),
        scheduler_id="host-1",
        task_id="task",
        schedule_id="schedule",
        scheduled_start=NOW,
        started_at=NOW,
        outcome=JobOutcome.success,
    )


def test_released_event_of_an_error_says_what_and_where() -> None:
    try:
        raise LookupError("nothing there")
    except LookupError as exc:
        event = released(exc)
    assert event.exception_type == "LookupError"
    assert event.exception_message == "nothing there"
    assert event.exception_traceback is not None
    assert event.exception_traceback[0] == "Traceback (most recent call last):\n"
    assert event.exception_traceback[-1] == "LookupError: nothing there\n"


def test_type_of_an_exception_names_its_module() -> None:
    assert (
        released(model.JobTimedOut("late")).exception_type == "rota.model._exceptions.JobTimedOut"
    )


def test_texts_of_a_released_event_are_bounded() -> None:
    """A megabyte in a message must fit through every event broker."""
    event = released(RuntimeError("x" * 1_000_000))
    assert event.exception_message == "x" * 4_096
    assert event.exception_traceback is not None
    assert sum(map(len, event.exception_traceback)) == 4_096


def test_exception_without_a_text_is_described_nevertheless() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    event = released(MuteError())
    assert event.exception_message == "<its text cannot be had: ZeroDivisionError>"
