"""Rules of rota taken out one at a time, to see whether the simulation notices."""

from __future__ import annotations

from contextlib import contextmanager
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from attrs import evolve

from rota.datastores._memory import jobs as _memory_jobs
from rota.datastores._memory.records import Record
from rota.datastores._memory.results import ResultTable
from rota.datastores._memory.schedules import ScheduleTable
from rota.schedulers import _firing, _schedule_loop
from rota.schedulers._leases import LeaseKeeper
from tests.simulation._store import RemoteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


#: By name: where the rule is, and what stands there instead.
MUTANTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "job token": (Record, "is_held", _job_token),
    "schedule token": (ScheduleTable, "_current_claim", _schedule_token),
    "unique key": (ResultTable, "take", _unique_key),
    "atomic advance": (RemoteStore, "release_schedules", _atomic_advance),
    "monotonic deadline": (LeaseKeeper, "_give_up_in_time", _no_deadline),
    "turns": (_memory_jobs, "Turns", _NoTurns),
    "ascending fire times": (_schedule_loop, "firings", _ascending),
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
