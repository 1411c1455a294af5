"""The observer's account of jobs: claims and tokens, slots, executions, and how each of them ended."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from attrs import define, field

from rota import JobOutcome
from tests.simulation._schedules_account import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from uuid import UUID

    from rota.datastores.memory import MemoryDataStore
    from rota.model import Job, JobRelease, Task
    from tests.simulation._machine import Machine, MachineClock

#: For how long after it was continued a machine may go on with what it did: until it has looked at its clock.
AFTER_THAW_SECONDS = 0.02
ROUNDING_SECONDS = 1e-5


@define(eq=False)
class Entry:
    """What is known of a job.

    :param repeated: whether it is run again if its worker disappears
    :param token: the highest one granted
    :param outcome: how it ended
    :param cancelled: whether somebody has cancelled it
    """

    job: Job
    repeated: bool
    since: float
    token: int = 0
    claim: Claim | None = None
    outcome: JobOutcome | None = None
    starts: int = 0
    finishes: int = 0
    cancelled: bool = False


@define(eq=False)
class JobsAccount:
    """All jobs.

    :param open: those that have not ended
    :param idle_since: by task, since when it has had both a job to start and a free slot
    """

    inner: MemoryDataStore
    clock: MachineClock
    lease_seconds: float
    wrong: Callable[[str, str], None]
    entries: dict[UUID, Entry] = field(factory=dict)
    open: dict[UUID, Entry] = field(factory=dict)
    idle_since: dict[str, float] = field(factory=dict)

    def added(self, jobs: Sequence[Job], is_repeated: Callable[[Job], bool]) -> None:
        """Book new jobs."""
        for job in jobs:
            if job.id not in self.entries:
                entry = Entry(job, is_repeated(job), self.clock.monotonic())
                self.entries[job.id] = self.open[job.id] = entry

    def claimed(self, owner: str, jobs: Sequence[Job]) -> None:
        """Book claims."""
        now = self.clock.monotonic()
        for job in jobs:
            entry = self.entries[job.id]
            if entry.outcome is not None:
                self.wrong(
                    "I4", f"job {job.id} was claimed after it had ended: {entry.outcome.name}"
                )
            if entry.claim is not None and entry.claim.until > now:
                self.wrong(
                    "I2", f"job {job.id} was claimed from {entry.claim.owner}, whose lease runs"
                )
            if job.token <= entry.token:
                self.wrong("I2", f"token {job.token} of job {job.id} after {entry.token}")
            self._check_turn(entry)
            entry.token = job.token
            entry.claim = Claim(owner, job.token, now + self.lease_seconds)
            self.idle_since.pop(job.task_id, None)

    def _line(self, job: Job) -> list[Entry]:
        """Return the serial jobs of the same schedule that have not ended, by their fire times."""
        line = [e for e in self.open.values() if e.job.serial and _are_siblings(e.job, job)]
        return sorted(line, key=lambda e: str(e.job.original_scheduled_time))

    def _check_turn(self, entry: Entry) -> None:
        """Check that no serial job is claimed before an earlier one of its schedule has ended."""
        job = entry.job
        if job.serial and (first := self._line(job)[0]) is not entry:
            self.wrong("I11", f"job {job.id} was claimed, but {first.job.id} has not ended")

    async def cancelled(self, job_ids: Collection[UUID]) -> None:
        """Book that jobs were cancelled: those that nobody holds have ended, the others are to."""
        for job_id in sorted(job_ids):
            entry = self.entries[job_id]
            entry.cancelled = True
            if entry.claim is None:
                await self._unclaim(entry)
                if entry.outcome is None:
                    self.wrong("I4", f"job {job_id} was cancelled but waits on")

    def _is_held(self, entry: Entry, owner: str, token: int) -> bool:
        claim = entry.claim
        return claim is not None and (claim.owner, claim.token) == (owner, token)

    async def released(
        self, owner: str, releases: Sequence[JobRelease], refused: Collection[UUID]
    ) -> None:
        """Book how jobs ended, as far as that was accepted."""
        for release in releases:
            job = release.job
            entry = self.entries[job.id]
            twice = sum(each.job.id == job.id for each in releases) > 1
            if job.id in refused and not (twice and self._is_held(entry, owner, job.token)):
                continue  # of a job that was lost and claimed again, the answer means the older claim
            if not self._is_held(entry, owner, job.token):
                self.wrong(
                    "I2", f"{owner} released job {job.id} with token {job.token} of {entry.token}"
                )
            await self._unclaim(entry)

    async def _unclaim(self, entry: Entry) -> None:
        """Book that nobody holds a job any more: it is to be done again, or has ended."""
        entry.claim = None
        entry.since = self.clock.monotonic()
        if await self.inner.get_jobs({entry.job.id}):
            return
        if entry.outcome is not None:
            self.wrong("I4", f"job {entry.job.id} ended twice")
        result = await self.inner.get_job_result(entry.job.id)
        assert result is not None, "all results are kept"
        entry.outcome = result.outcome
        self.open.pop(entry.job.id, None)

    def extended(self, owner: str, tokens: Mapping[UUID, int], lost: Collection[UUID]) -> None:
        """Book leases that were extended."""
        now = self.clock.monotonic()
        for job_id, token in tokens.items():
            if job_id in lost:
                continue
            entry = self.entries[job_id]
            if not self._is_held(entry, owner, token):
                self.wrong(
                    "I2", f"{owner} extended job {job_id} with token {token} of {entry.token}"
                )
            elif entry.claim is not None:
                entry.claim.until = now + self.lease_seconds

    async def reaped(self) -> None:
        """Book what the store has ended by itself."""
        now = self.clock.monotonic()
        there = {job.id: job for job in await self.inner.get_jobs(set(self.open))}
        for entry in list(self.open.values()):
            job = there.get(entry.job.id)
            if job is not None and (entry.claim is None or job.acquired_by is not None):
                continue
            if entry.claim is not None and entry.claim.until > now:
                self.wrong(
                    "I2",
                    f"job {entry.job.id} was reaped, but the lease of {entry.claim.owner} runs",
                )
            await self._unclaim(entry)

    def stepped(self, what: str, job: Job, machine: Machine) -> None:
        """Check and book a step of a job: it may only take one while its machine holds the lease."""
        entry, now = self.entries[job.id], self.clock.monotonic()
        entry.starts += what == "start"
        entry.finishes += what == "finish"
        if what == "start" and entry.starts > 1 and not entry.repeated:
            self.wrong("I6", f"job {job.id} runs for the second time, but is to run at most once")
        if now <= machine.thawed_at + AFTER_THAW_SECONDS:
            return
        claim = entry.claim
        if claim is None or claim.token != job.token:
            self.wrong("I6", f"{machine.name} runs job {job.id}, whose lease it has lost ({what})")
        elif claim.until < now - ROUNDING_SECONDS:
            late = now - claim.until
            self.wrong(
                "I6", f"{machine.name} runs job {job.id} for {late:.3f} s past its lease ({what})"
            )

    async def check_slots(self, tasks: Mapping[str, Task]) -> None:
        """Check that as many slots are taken as there are claims, and no more than there are."""
        claimed = Counter(e.job.task_id for e in self.open.values() if e.claim is not None)
        waiting = {
            e.job.task_id for e in self.open.values() if e.claim is None and self._may_start(e)
        }
        for task_id, task in tasks.items():
            running = (await self.inner.get_task(task_id)).running_jobs
            if running != claimed[task_id]:
                self.wrong(
                    "I5", f"{running} slots of {task_id} are taken, by {claimed[task_id]} claims"
                )
            limit = task.max_running_jobs
            if limit is not None and running > limit:
                self.wrong("I5", f"{running} jobs of {task_id} run, of {limit}")
            if task_id not in waiting or (limit is not None and running >= limit):
                self.idle_since.pop(task_id, None)
            else:
                self.idle_since.setdefault(task_id, self.clock.monotonic())

    def _may_start(self, entry: Entry) -> bool:
        return not entry.job.serial or self._line(entry.job)[0] is entry

    def check_lateness(self, calm_since: float, bound: float) -> None:
        """Check that no job has waited for a free slot for too long since faults have stopped."""
        now = self.clock.monotonic()
        for task_id, since in self.idle_since.items():
            waits = now - max(since, calm_since)
            if waits > bound:
                self.wrong(
                    "I7", f"jobs of {task_id} have waited for {waits:.3f} s with a slot free"
                )
        for entry in self.open.values():
            if entry.claim is not None and now - max(entry.claim.until, calm_since) > bound:
                self.wrong("I7", f"job {entry.job.id} is held by a lease that has long ended")

    def check_end(self) -> None:
        """Check how all jobs have ended."""
        for job_id, entry in self.entries.items():
            outcome, ran = entry.outcome, entry.finishes > 0
            if outcome is None:
                self.wrong("I4", f"job {job_id} of {entry.job.task_id} has not ended")
            elif outcome in (JobOutcome.success, JobOutcome.error) and not ran:
                self.wrong("I4", f"job {job_id} ended as {outcome.name} but did not run")
            elif outcome is JobOutcome.missed_start_deadline and entry.starts:
                self.wrong("I4", f"job {job_id} missed its deadline but was started")
            elif outcome is JobOutcome.cancelled and entry.cancelled:
                continue
            elif entry.repeated and outcome not in (JobOutcome.success, JobOutcome.error):
                self.wrong(
                    "I6", f"job {job_id} is to run at least once, but ended as {outcome.name}"
                )

    def outcomes(self) -> Counter[str]:
        """Count how jobs ended."""
        return Counter(e.outcome.name for e in self.entries.values() if e.outcome is not None)


def _are_siblings(one: Job, other: Job) -> bool:
    return one.schedule_id == other.schedule_id
