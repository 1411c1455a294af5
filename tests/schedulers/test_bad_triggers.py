"""Triggers of users that raise, lie or hang on to state: they harm their own schedule alone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from rota import (
    AsyncScheduler,
    IntervalTrigger,
    ScheduleFailed,
    current_job,
)
from rota.abc import Trigger
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

if TYPE_CHECKING:
    from pathlib import Path

    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)

times: list[tuple[str | None, datetime | None]] = []


@pytest.fixture(autouse=True)
def no_times() -> None:
    times.clear()


async def note() -> None:
    job = current_job.get()
    times.append((job.schedule_id, job.scheduled_fire_time))


async def take(*_args: object) -> None:
    await note()


class Scripted(Trigger):
    """Returns, or raises, what it was given, one after the other."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)

    def next(self) -> datetime | None:
        step = self.script.pop(0) if self.script else None
        if isinstance(step, BaseException):
            raise step
        return step

    def __getstate__(self) -> list[Any]:
        return self.script

    def __setstate__(self, state: list[Any]) -> None:
        self.script = list(state)


@pytest.mark.parametrize("level", ["WARNING", "DEBUG"])
@pytest.mark.parametrize("place", [0, 3, 6], ids=["first", "in-the-middle", "last"])
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(ZeroDivisionError("broken"), id="raises"),
        pytest.param(SystemExit("broken"), id="exits"),
        pytest.param("tomorrow", id="no-datetime"),
        pytest.param(datetime(2025, 1, 2), id="naive"),  # noqa: DTZ001 - meant
        pytest.param(START - SECOND, id="goes-back"),
        pytest.param(START, id="stands-still"),
    ],
)
async def test_bad_trigger_sets_its_own_schedule_aside(
    scheduler: AsyncScheduler,
    clock: VirtualClock,
    caplog: pytest.LogCaptureFixture,
    level: str,
    place: int,
    bad: object,
) -> None:
    caplog.set_level(level, logger="rota")  # explaining asks triggers, too
    events: list[ScheduleFailed] = []
    scheduler.subscribe(events.append, ScheduleFailed)
    await scheduler.configure_task(note, max_running_jobs=None)
    for number in range(7):
        trigger: Trigger = IntervalTrigger(seconds=10 + number, start_time=START)
        if number == place:
            trigger = Scripted(START, bad, START + 5 * SECOND)
        await scheduler.add_schedule(note, trigger, id=f"s{number}", paused=True)
    for number in range(7):  # so that all of them are in one batch
        await scheduler.unpause_schedule(f"s{number}")
    await clock.advance(16)

    others = [number for number in range(7) if number != place]
    assert sorted(times) == sorted(
        (f"s{number}", START + n * SECOND) for number in others for n in (0, 10 + number)
    )
    schedules = await scheduler.get_schedules()
    assert [s.id for s in schedules if s.error] == [event.schedule_id for event in events]
    assert [event.schedule_id for event in events] == [f"s{place}"]
    assert f"schedule 's{place}' is set aside" in caplog.text
    for number in others:
        due = schedules[number].next_fire_time
        assert due == START + 2 * (10 + number) * SECOND, "nobody gets another's fire time"


async def test_schedule_that_was_set_aside_goes_on_when_it_is_unpaused(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    trigger = Scripted(START, ValueError("not now"), START + 5 * SECOND, START + 9 * SECOND)
    await scheduler.add_schedule(note, trigger, id="s")
    await clock.advance(6)
    assert "ValueError: not now" in str((await scheduler.get_schedule("s")).error)

    await scheduler.update_schedule("s", trigger=IntervalTrigger(seconds=4, start_time=START))
    await clock.advance(3)
    assert (await scheduler.get_schedule("s")).error is None
    assert ("s", START + 8 * SECOND) in times


@pytest.mark.parametrize(
    ("first", "error", "text"),
    [
        (ValueError("at once"), ValueError, "at once"),
        (datetime(2025, 1, 2), ValueError, "next.. of Scripted must return aware"),  # noqa: DTZ001
        ("tomorrow", TypeError, "next.. of Scripted must return a datetime or None, got: 'tomo"),
    ],
    ids=["raises", "naive", "no-datetime"],
)
async def test_bad_first_fire_time_is_the_callers_error(
    scheduler: AsyncScheduler, first: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        await scheduler.add_schedule(note, Scripted(first))
    assert await scheduler.get_schedules() == []
    await scheduler.add_schedule(note, IntervalTrigger(hours=1), id="s")
    with pytest.raises(error, match=text):
        await scheduler.update_schedule("s", trigger=Scripted(first))
    assert isinstance((await scheduler.get_schedule("s")).trigger, IntervalTrigger)


class Once:
    """An argument that can be stored once, but not again when it has been read."""

    def __setstate__(self, _state: object) -> None:
        self.lock = Lock()

    def __getstate__(self) -> object:
        if hasattr(self, "lock"):
            raise TypeError("cannot pickle a lock")
        return {"stored": True}


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_job_that_cannot_be_stored_sets_its_own_schedule_aside(
    clock: VirtualClock, tmp_path: Path
) -> None:
    store = SQLAlchemyDataStore(f"sqlite:///{tmp_path}/store.db")
    async with AsyncScheduler(store, clock=clock) as scheduler:
        await scheduler.configure_task("note", func=take, max_running_jobs=None)
        trigger = IntervalTrigger(seconds=10, start_time=START + 10 * SECOND)
        for id_, args in (("a", []), ("bad", [Once()]), ("c", [])):
            await scheduler.add_schedule("note", trigger, id=id_, args=args)
        await scheduler.start_in_background()
        await clock.advance(25)

        assert sorted(times) == [(id_, START + n * SECOND) for id_ in ("a", "c") for n in (10, 20)]
        bad = await scheduler.get_schedule("bad")
        assert "its job cannot be stored" in str(bad.error)
        assert bad.next_fire_time == START + 10 * SECOND


async def test_schedule_of_an_executor_that_is_gone_survives_its_failing_jobs(
    clock: VirtualClock,
) -> None:
    """Another scheduler on the same store runs the jobs, and does not have the executor."""
    from rota import JobReleased
    from rota.datastores.memory import MemoryDataStore
    from rota.executors.async_ import AsyncJobExecutor

    store = MemoryDataStore()
    released: list[JobReleased] = []
    async with (
        AsyncScheduler(store, clock=clock, job_executors={"special": AsyncJobExecutor()}) as knows,
        AsyncScheduler(store, clock=clock, job_executors={"async": AsyncJobExecutor()}) as runs,
    ):
        runs.subscribe(released.append, JobReleased)
        await knows.add_schedule(note, IntervalTrigger(seconds=10), id="s", job_executor="special")
        await runs.configure_task("fine", func=note)
        await runs.add_schedule("fine", IntervalTrigger(seconds=10), id="fine")
        await runs.start_in_background()
        await clock.advance(25)
        assert [schedule.id for schedule in await runs.get_schedules()] == ["fine", "s"]

    failed = [event for event in released if event.schedule_id == "s"]
    assert len(failed) == 3
    assert {event.exception_type for event in failed} == {
        "rota.model._exceptions.JobExecutorLookupError"
    }
    assert "'special'; there are: async" in str(failed[0].exception_message)
    assert [schedule_id for schedule_id, _ in times] == ["fine"] * 3
