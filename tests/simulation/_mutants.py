"""Rules of rota taken out one at a time, to see whether the simulation notices."""

from __future__ import annotations

from contextlib import contextmanager
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from attrs import evolve

from rota.datastores._memory import jobs as _memory_jobs
from rota.datastores._memory.records import Record, result_of
from rota.datastores._memory.results import ResultTable
from rota.datastores._memory.schedules import ScheduleTable
from rota.datastores._memory.tasks import TaskQueue
from rota.model import JobOutcome
from rota.schedulers import _firing, _schedule_loop
from rota.schedulers._job_loop import JobLoop
from rota.schedulers._leases import LeaseKeeper
from tests.simulation._store import RemoteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from rota.model import JobResult


def _job_token(record: Record, owner: str, token: int) -> bool:
    """Accept whatever is said of a job that anybody holds."""
    del owner, token
    return record.lease is not None


def _schedule_token(table: Any, id_: str, owner: str, token: int) -> object:
    """Accept whatever is said of a schedule that anybody has claimed."""
    del owner, token
    return table._claims.get(id_)


def _unique_key(table: ResultTable, fire_time: object) -> bool:
    """Let a fire time have any number of jobs."""
    del table, fire_time
    return True


async def _atomic_advance(store: Any, owner: str, results: Any) -> Any:
    """Advance schedules, and add their jobs with another call."""
    refused = await store.call("release_schedules", owner, [evolve(x, jobs=()) for x in results])
    jobs = [job for x in results if x.schedule_id not in refused for job in x.jobs]
    if jobs:
        await store.call("add_jobs", jobs)
    return refused


async def _no_deadline(keeper: Any, give_up: object) -> None:
    """Trust a lease until the store says otherwise."""
    del give_up
    await keeper._node.clock.sleep(1e6)


class _NoTurns:
    """Let all serial jobs have their turn at once."""

    def take(self, record: Record) -> bool:
        del record
        return True

    def leave(self, record: Record) -> None:
        del record


def _ascending(schedules: Any, *args: Any) -> Any:
    """Forget what schedules have fired for."""
    return _decide([evolve(schedule, last_fire_time=None) for schedule in schedules], *args)


_decide = _firing.firings


def _setting_aside(*args: Any) -> Any:
    """Let a trigger that raises fail all schedules of its batch."""
    results = _decide(*args)
    for result in results:
        if result.error is not None:
            raise LookupError(result.error)
    return results


async def _bad_rows(store: Any, owner: str, results: Any) -> Any:
    """Leave a schedule whose trigger raises as it is, to be tried again."""
    good = [result for result in results if result.error is None]
    return await store.call("release_schedules", owner, good)


async def _polling(loop: Any) -> None:
    """Ask for jobs after an event, and at no other time."""
    await loop._clock.sleep(1e6)


async def _reaping(store: Any, *args: Any) -> Any:
    """Leave jobs whose leases have ended where they are."""
    del store, args


def _once_at_most(table: Any, record: Record, now: datetime) -> JobResult:
    """Run every job again whose worker is gone."""
    result = result_of(record.job, JobOutcome.abandoned, now)
    table._wait_again(record, record.job.attempt + 1, None, None, now)
    return result


def _once_at_least(table: Any, record: Record, now: datetime) -> JobResult:
    """Run no job again whose worker is gone."""
    result = result_of(record.job, JobOutcome.abandoned, now)
    table._finish(record, result, now)
    return result


def _limits(queue: TaskQueue) -> bool:
    """Let any number of jobs of a task run at once."""
    del queue
    return True


def _slots(table: Any, record: Record) -> None:
    """Keep the slot of a job that is not claimed any more."""
    if record.lease is not None:
        table._leases.give_back(record.lease, record)
        record.lease = None
        table._cancelled.discard(record)


#: By name: where the rule is, and what stands there instead.
MUTANTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "job token": (Record, "is_held", _job_token),
    "schedule token": (ScheduleTable, "_current_claim", _schedule_token),
    "unique key": (ResultTable, "take", _unique_key),
    "atomic advance": (RemoteStore, "release_schedules", _atomic_advance),
    "monotonic deadline": (LeaseKeeper, "_give_up_in_time", _no_deadline),
    "turns": (_memory_jobs, "Turns", _NoTurns),
    "ascending fire times": (_schedule_loop, "firings", _ascending),
    "bad rows set aside": (RemoteStore, "release_schedules", _bad_rows),
    "bad rows by themselves": (_schedule_loop, "firings", _setting_aside),
    "polling": (JobLoop, "run", _polling),
    "reaping": (RemoteStore, "reap_jobs", _reaping),
    "at most once": (_memory_jobs.JobTable, "_abandon", _once_at_most),
    "at least once": (_memory_jobs.JobTable, "_abandon", _once_at_least),
    "limits": (TaskQueue, "has_room", _limits),
    "slots that come back": (_memory_jobs.JobTable, "_unclaim", _slots),
}


@contextmanager
def without(rule: str) -> Iterator[None]:
    """Take a rule out while the `with` block is active."""
    owner, name, mutant = MUTANTS[rule]
    original = getattr(owner, name)
    assert iscoroutinefunction(original) == iscoroutinefunction(mutant), f"{name} has changed"
    with patch.object(owner, name, mutant):
        yield


__all__ = ["MUTANTS", "without"]
