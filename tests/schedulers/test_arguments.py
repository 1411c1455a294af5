"""Arguments of schedulers: what reaches them, what they refuse."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import anyio
import pytest

from rota import (
    AsyncScheduler,
    IntervalTrigger,
    MemoryDataStore,
    ProcessPoolJobExecutor,
    Scheduler,
    SchedulerRole,
    ThreadPoolJobExecutor,
    task,
)
from rota.abc import JobFilter


def answer() -> int:
    return 42


def test_callable_of_a_task_is_given_by_name() -> None:
    with Scheduler() as scheduler:
        scheduler.configure_task("ask", func=answer)
        scheduler.start_in_background()
        assert scheduler.run_job("ask") == 42


def test_modules_of_tasks_given_as_one_text_are_refused() -> None:
    with pytest.raises(
        TypeError, match=r"^task_modules must be a collection of names, got: 'app'$"
    ):
        AsyncScheduler(task_modules="app")


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        (
            {"data_store": "sqlite:///x.db"},
            TypeError,
            r"data_store must be of type DataStore, such as SQLAlchemyDataStore\(url\), got an object of type str",
        ),
        (
            {"event_broker": "redis://:secret@host"},
            TypeError,
            r"event_broker must be of type EventBroker, such as RedisEventBroker\(url\), got an object of type str",
        ),
        ({"identity": "x" * 464}, ValueError, "identity must have at most 463 characters, got: 464"),
        ({"identity": "a\0b"}, ValueError, r"identity must not contain a NUL character, got: 'a\\x00b'"),
        ({"role": "boss"}, ValueError, "SchedulerRole must be one of .*, got: 'boss'"),
        ({"accept": "gpu"}, TypeError, "accept must be of type JobFilter or None, got: 'gpu'"),
        ({"max_concurrent_jobs": 0}, ValueError, "max_concurrent_jobs must be at least 1, got: 0"),
        ({"max_concurrent_jobs": None}, TypeError, "max_concurrent_jobs must be of type int, got: None"),
    ],
)  # fmt: skip
def test_unfit_setting_is_named(settings: Any, error: type[Exception], text: str) -> None:
    for kind in (AsyncScheduler, Scheduler):
        with pytest.raises(error, match=f"^{text}$"):
            kind(**settings)


def test_blocking_scheduler_shows_its_settings() -> None:
    settings: dict[str, Any] = {
        "accept": JobFilter(tags={"mail"}),
        "polling_interval": timedelta(seconds=3),
        "shutdown_timeout": timedelta(seconds=4),
        "task_modules": ("app",),
    }
    scheduler = Scheduler(**settings)
    assert {name: getattr(scheduler, name) for name in settings} == settings


@pytest.mark.parametrize("kind", [AsyncScheduler, Scheduler])
def test_help_explains_every_setting(kind: type) -> None:
    text = kind.__init__.__doc__ or ""  # type: ignore[misc]
    names = set(inspect.signature(kind).parameters)
    assert names >= {"data_store", "lease_duration", "accept"}
    assert [name for name in names if f":param {name}: " not in text] == []


def test_policies_and_roles_may_be_given_by_name() -> None:
    with Scheduler(role="worker") as scheduler:
        assert scheduler.role is SchedulerRole.worker
        for trigger in (TRIGGER, IntervalTrigger(hours=2)):
            scheduler.add_schedule(
                answer, trigger, id="a", conflict_policy="replace", coalesce="all", overlap="skip"
            )
        assert "hours=2" in repr(scheduler.get_schedule("a").trigger)
        with pytest.raises(ValueError, match=r"^ConflictPolicy must be one of .*, got: 'merge'$"):
            scheduler.add_schedule(answer, TRIGGER, conflict_policy="merge")


def numbers() -> Any:
    yield 1


async def more_numbers() -> Any:
    yield 1


@pytest.mark.parametrize("func", [numbers, more_numbers, partial(numbers)])
def test_generator_function_is_refused(func: Any) -> None:
    with Scheduler() as scheduler:
        with pytest.raises(TypeError, match=r"^the callable of a task must not be a generator"):
            scheduler.add_job(func)
        with pytest.raises(TypeError, match=r"^the callable of a task must not be a generator"):
            scheduler.configure_task("numbers", func=func)
        assert scheduler.get_jobs() == []


@pytest.mark.parametrize("given", [5, {"x": 5}, [ThreadPoolJobExecutor()]])
def test_what_is_no_executor_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match=r"^job_executors must map names to JobExecutors, got: "):
        AsyncScheduler(job_executors=given)


@pytest.mark.parametrize("kind", [ThreadPoolJobExecutor, ProcessPoolJobExecutor])
def test_executor_serves_one_scheduler_at_a_time(kind: Any) -> None:
    executors = {"x": kind()}
    with Scheduler(job_executors=executors):
        other = Scheduler(job_executors=executors)
        with pytest.raises(RuntimeError, match=r"^this executor is already in use by a scheduler"):
            other.start_in_background()
    with Scheduler(job_executors=executors) as scheduler:
        scheduler.start_in_background()
        assert scheduler.run_job(os.getpid)


def test_timeout_of_nothing_is_refused() -> None:
    with (
        Scheduler() as scheduler,
        pytest.raises(ValueError, match=r"^timeout must be positive, got: 0 seconds$"),
    ):
        scheduler.configure_task(answer, timeout=0)


def test_empty_id_of_a_schedule_is_refused() -> None:
    with Scheduler() as scheduler:
        with pytest.raises(ValueError, match=r"^id must not be empty; leave it out"):
            scheduler.add_schedule(answer, TRIGGER, id="")
        assert scheduler.get_schedules() == []


NO_LENGTH = "must be a timedelta or a number of seconds, got:"


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"lease_duration": None}, TypeError, f"lease_duration {NO_LENGTH} None"),
        ({"polling_interval": "5"}, TypeError, f"polling_interval {NO_LENGTH} '5'"),
        ({"shutdown_timeout": None}, TypeError, f"shutdown_timeout {NO_LENGTH} None"),
        ({"cleanup_interval": 0}, ValueError, "cleanup_interval must be positive, got: 0 seconds"),
    ],
)
def test_setting_that_is_no_length_of_time_is_named(
    settings: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=f"^{text}$"):
        AsyncScheduler(**settings)


TRIGGER = IntervalTrigger(hours=1)


@pytest.mark.parametrize(
    ("method", "arguments", "error", "text"),
    [
        ("add_schedule", {"max_instances": 0}, ValueError, "max_instances must be at least 1, got: 0"),
        ("add_schedule", {"max_instances": -1}, ValueError, "max_instances must be at least 1, got: -1"),
        ("add_schedule", {"max_instances": 1.5}, TypeError, "max_instances must be a whole number, got: 1.5"),
        ("add_schedule", {"max_instances": "2"}, TypeError, "max_instances must be a whole number, got: '2'"),
        ("add_schedule", {"metadata": 5}, TypeError, "metadata must be a mapping, got: 5"),
        ("add_schedule", {"job_result_expiration_time": None}, TypeError, f"job_result_expiration_time {NO_LENGTH} None"),
        ("add_job", {"result_expiration_time": None}, TypeError, f"result_expiration_time {NO_LENGTH} None"),
        ("add_job", {"run_at": "noon"}, TypeError, "run_at must be a datetime, got: 'noon'"),
        ("add_job", {"priority": 2**31}, ValueError, "priority must be in -2147483648..2147483647, got: 2147483648"),
        ("add_schedule", {"priority": True}, TypeError, "priority must be of type int, got: True"),
        ("configure_task", {"metadata": 5}, TypeError, "metadata must be a mapping, got: 5"),
    ],
)  # fmt: skip
def test_unfit_argument_is_named(
    method: str, arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    given = {"trigger": TRIGGER, **arguments} if method == "add_schedule" else arguments
    with Scheduler() as scheduler:
        with pytest.raises(error, match=f"^{text}$"):
            getattr(scheduler, method)(answer, **given)
        assert not scheduler.get_schedules()
        assert not scheduler.get_jobs()


@pytest.mark.parametrize("trigger", [5, None])
def test_schedule_cannot_be_given_what_is_no_trigger(trigger: Any) -> None:
    with Scheduler() as scheduler:
        scheduler.add_schedule(answer, TRIGGER, id="s")
        with pytest.raises(
            TypeError, match=f"^trigger must be a Trigger, such as .*, got: {trigger}$"
        ):
            scheduler.update_schedule("s", trigger=trigger)


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"metadata": 5}, TypeError, "metadata must be a mapping, got: 5"),
        ({"max_running_jobs": 0}, ValueError, "max_running_jobs must be at least 1, got: 0"),
    ],
)
def test_decorator_refuses_unfit_settings(settings: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=f"^{text}$"):
        task(**settings)(answer)


AHEAD, BEHIND = timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))


@pytest.mark.parametrize(
    "moment", [datetime.max.replace(tzinfo=BEHIND), datetime.min.replace(tzinfo=AHEAD)]
)
def test_time_outside_of_the_years_is_named(moment: datetime) -> None:
    with Scheduler() as scheduler:
        with pytest.raises(ValueError, match=r"^run_at must be within the years 1 to 9999"):
            scheduler.add_job(answer, run_at=moment)
        scheduler.add_schedule(answer, TRIGGER, id="s", paused=True)
        with pytest.raises(ValueError, match=r"^resume_from must be within the years 1 to 9999"):
            scheduler.unpause_schedule("s", resume_from=moment)


def test_grace_may_reach_beyond_the_last_year() -> None:
    last = datetime.max.replace(tzinfo=timezone.utc)
    with Scheduler() as scheduler:
        scheduler.configure_task(answer, misfire_grace_time=60)
        job_id = scheduler.add_job(answer, run_at=last)
        (job,) = scheduler.get_jobs({job_id})
    assert job.start_deadline == last


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
def test_scheduler_of_before_a_fork_says_so() -> None:
    """It would wait for a thread that the new process does not have."""
    program = """
import os
from rota import Scheduler
with Scheduler() as scheduler:
    if os.fork() == 0:
        try:
            scheduler.get_schedules()
        except RuntimeError as error:
            print(error, flush=True)
        os._exit(0)
    os.wait()
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert "was started before this process was forked" in ran.stdout


def test_setting_that_no_task_has_is_named() -> None:
    text = r"^a task has no 'retries'; there are: job_executor, max_running_jobs, .*, tags$"
    with pytest.raises(TypeError, match=text):
        task(retries=3)(answer)  # type: ignore[call-overload]
    with Scheduler() as scheduler, pytest.raises(TypeError, match=text):
        scheduler.configure_task(answer, retries=3)  # type: ignore[call-arg]


def test_result_of_a_call_is_no_callable() -> None:
    text = r"which is given without calling it, .* got: 42$"
    with Scheduler() as scheduler, pytest.raises(TypeError, match=text):
        scheduler.add_job(answer())  # type: ignore[arg-type]


def test_point_to_resume_from_is_named() -> None:
    with Scheduler() as scheduler:
        scheduler.add_schedule(answer, TRIGGER, id="s", paused=True)
        with pytest.raises(TypeError, match=r"^resume_from must be a datetime, got: 5$"):
            scheduler.unpause_schedule("s", resume_from=5)  # type: ignore[arg-type]


class BrokenStore(MemoryDataStore):
    async def start(self, *_: object) -> None:
        raise LookupError("no database")


def test_what_keeps_services_from_starting_is_raised_as_it_is() -> None:
    async def start() -> None:
        async with AsyncScheduler(BrokenStore()):
            pass

    with pytest.raises(LookupError, match=r"^no database$"), Scheduler(BrokenStore()):
        pass
    with pytest.raises(LookupError, match=r"^no database$"):
        anyio.run(start)
