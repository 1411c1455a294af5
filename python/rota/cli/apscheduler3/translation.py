"""What a stored job of APScheduler 3 becomes: a task and a schedule. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from attrs import define, evolve

from rota.cli.apscheduler3.stored import StoredJobError
from rota.cli.apscheduler3.triggers import jitter_of, trigger_of
from rota.model import CoalescePolicy, RotaError, Schedule, Task
from rota.schedulers._changes import resumed_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Translation", "tasks_of", "translate"]

#: The executors that every scheduler of rota has, and those that it takes the place of.
_EXECUTORS = {"default": None, "threadpool": "threadpool", "processpool": "processpool"}


@define
class Translation:
    """A schedule, and what somebody who knows the stored job should know of it.

    :param schedule: what the job becomes
    :param max_instances: how many runs of it there might be at once
    :param notes: what is not as it was
    """

    schedule: Schedule
    max_instances: int
    notes: list[str]


def translate(
    id_: str, state: Mapping[str, Any], next_run_time: float | None, executor: str
) -> Translation:
    """Say a stored job in the words of rota.

    :param id_: the id of the job
    :param state: the job as it was stored
    :param next_run_time: when it is due next, in seconds since 1970-01-01T00:00:00Z; `None` if it is paused
    :param executor: the name of the executor that is to run what ran in the default one
    :raises StoredJobError: if it cannot be said
    """
    function = state["func"]
    if not isinstance(function, str) or ":" not in function:
        raise StoredJobError(f"its function must be a reference, got: {function!r:.80}")
    notes: list[str] = []
    jitter = jitter_of(state["trigger"])
    alias = state.get("executor", "default")
    if alias not in _EXECUTORS:
        notes.append(f"the schedulers need an executor named {alias!r}")
    try:
        start = None
        if next_run_time is not None:
            start = _moment(next_run_time) - timedelta(seconds=jitter)
        trigger = trigger_of(state["trigger"], start)
        schedule = Schedule(
            id=id_,
            task_id=function,
            trigger=trigger,
            args=state.get("args", ()),
            kwargs=state.get("kwargs", {}),
            paused=next_run_time is None,
            coalesce=CoalescePolicy.latest if state.get("coalesce", True) else CoalescePolicy.all,
            misfire_grace_time=state.get("misfire_grace_time", 1),
            max_jitter=jitter or None,
            job_executor=_EXECUTORS.get(alias, alias) or executor,
            metadata={"name": state["name"]} if state.get("name") else {},
            next_fire_time=trigger.next(),
        )
        if start is not None:  # it has been run for what is earlier
            schedule = resumed_from(schedule, start)
    except (RotaError, TypeError, ValueError, OverflowError) as error:
        raise StoredJobError(str(error)[:300]) from error
    if schedule.next_fire_time is None:
        raise StoredJobError("it will never fire again")
    if schedule.paused:
        notes.append("paused; what it misses until it is resumed is coalesced")
    return Translation(schedule, state.get("max_instances", 1), notes)


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise StoredJobError(f"its next run time must be a time, got: {seconds}") from None


def tasks_of(translations: Sequence[Translation]) -> list[Task]:
    """Return the tasks that schedules need, and have the schedules refer to them.

    There the limit is of a job, here of a task: a function that several jobs have becomes a task for each of them.
    """
    users = Counter(each.schedule.task_id for each in translations)
    tasks = []
    for each in translations:
        function = each.schedule.task_id
        id_ = function if users[function] == 1 else f"{function} ({each.schedule.id})"
        each.schedule = evolve(each.schedule, task_id=id_)
        if id_ != function:
            each.notes.append(f"a task of its own, {id_!r}: others run the same function")
        task = Task(
            id=id_,
            func=function,
            job_executor=each.schedule.job_executor,
            max_running_jobs=each.max_instances,
        )
        tasks.append(task)
    return tasks
