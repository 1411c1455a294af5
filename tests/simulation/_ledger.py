"""The independent observer: what was committed and what was executed, and whether that is as promised.

It sees every commit in order, right after it has happened, and every step of every job, and keeps its own account of
claims, tokens and due times. It never asks a scheduler.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from attrs import define, field

from rota import AbandonedPolicy
from tests.simulation._jobs_account import JobsAccount
from tests.simulation._schedules_account import SchedulesAccount

if TYPE_CHECKING:
    from rota.datastores.memory import MemoryDataStore
    from rota.model import Job, Task
    from tests.simulation._machine import Machine, MachineClock

_JOB_CALLS = {
    "acquire_jobs",
    "release_jobs",
    "reap_jobs",
    "cancel_jobs",
    "extend_leases",
    "release_schedules",
}


@define(eq=False)
class Ledger:
    """The account of one simulation.

    :param tasks: as they were configured
    :param violations: what was found to be wrong, in order
    """

    inner: MemoryDataStore
    clock: MachineClock
    tasks: dict[str, Task]
    lease_seconds: float
    violations: list[str] = field(factory=list)
    commits: int = 0
    schedules: SchedulesAccount = field(init=False)
    jobs: JobsAccount = field(init=False)
    _digest: Any = field(factory=hashlib.sha256)
    trace: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.schedules = SchedulesAccount(self.inner, self.clock, self.lease_seconds, self.wrong)
        self.jobs = JobsAccount(self.inner, self.clock, self.lease_seconds, self.wrong)

    def wrong(self, invariant: str, what: str) -> None:
        """Note a violation."""
        self.violations.append(f"{invariant}: {what} (at {self.clock.monotonic():.6f} s)")
        self.note("VIOLATION", invariant, what)

    def note(self, *parts: object) -> None:
        """Add a line to the trace."""
        line = f"{self.clock.monotonic():.6f} {' '.join(map(str, parts))}"
        self._digest.update(line.encode() + b"\n")
        self.trace.append(line)

    @property
    def trace_hash(self) -> str:
        """What two runs of one seed must have in common."""
        return str(self._digest.hexdigest())

    async def committed(self, node: str, name: str, args: tuple[Any, ...], answer: Any) -> None:
        """Check and book what the store has just done."""
        self.commits += 1
        self.note(node, name, _summary(answer))
        match name:
            case "add_schedules":
                await self.schedules.added(args[0])
            case "update_schedule":
                if answer:
                    await self.schedules.updated(args[0])
            case "acquire_schedules":
                self.schedules.claimed(args[0], answer.items)
            case "unfinished_jobs":
                self.schedules.looked(node, args[0], answer)
            case "release_schedules":
                made = await self.schedules.released(node, args[0], args[1], answer)
                self.jobs.added(made, self._is_repeated)
            case "add_jobs":
                made = await self.inner.get_jobs({job.id for job in args[0]})
                self.schedules.paid(made)
                self.jobs.added(made, self._is_repeated)
            case "acquire_jobs":
                self.jobs.claimed(args[0], answer.items)
            case "release_jobs":
                await self.jobs.released(args[0], args[1], answer)
            case "cancel_jobs":
                await self.jobs.cancelled(answer)
            case "extend_leases":
                self.jobs.extended(args[0], args[3], answer.job_ids)
            case "reap_jobs":
                await self.jobs.reaped()
        if name in _JOB_CALLS:
            await self.jobs.check_slots(self.tasks)

    def _is_repeated(self, job: Job) -> bool:
        return self.tasks[job.task_id].abandoned is AbandonedPolicy.run_again

    def executed(self, what: str, job: Job, machine: Machine) -> None:
        """Check and book a step of a job: it starts, goes on, or ends."""
        self.note(machine.name, what, job.id)
        self.jobs.stepped(what, job, machine)


def _summary(answer: Any) -> str:
    items = list(answer) if isinstance(answer, dict) else getattr(answer, "items", answer)
    if isinstance(items, list | tuple):
        return ",".join(f"{getattr(x, 'id', x)}/{getattr(x, 'token', '')}" for x in items)
    if isinstance(items, set | frozenset):
        return ",".join(sorted(map(str, items)))
    job_ids = getattr(answer, "job_ids", None)
    return _summary(job_ids) if job_ids is not None else str(getattr(items, "id", items))
