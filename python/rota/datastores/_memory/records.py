"""Jobs as they are kept: the job, and where it is between being added and having ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import define

from rota.datastores._memory.instants import instant
from rota.model import Job, JobOutcome, JobResult
from rota.model._copies import copier

if TYPE_CHECKING:
    from datetime import datetime

    from rota.datastores._memory.agenda import Entry
    from rota.datastores._memory.leases import Lease
    from rota.datastores._memory.tasks import TaskQueue

__all__ = ["FireTime", "Record", "claimed", "fire_time_of", "result_of", "waiting_again"]

#: A schedule and a nominal fire time of it; there is one job for it at most.
FireTime: TypeAlias = "tuple[str, datetime]"

claimed = copier(Job, "acquired_by", "acquired_until", "token")
waiting_again = copier(
    Job, "attempt", "not_before", "start_deadline", "acquired_by", "acquired_until"
)


@define(eq=False)
class Record:
    """An unfinished job.

    :param job: the job as whoever holds it knows it
    :param fire_time: what it is the only one for
    :param queue: its task
    :param place: its place among the waiting jobs of all tasks
    :param lease: the lease of its worker, if it is claimed
    :param cancelled: whether somebody has asked to cancel it while it was claimed
    """

    job: Job
    fire_time: FireTime | None
    queue: TaskQueue
    place: Entry
    lease: Lease[Record] | None = None
    cancelled: bool = False

    @classmethod
    def of(cls, job: Job, fire_time: FireTime | None, queue: TaskQueue) -> Record:
        """Make the record of a new job."""
        created_at = job.created_at
        scheduled = (
            created_at if job.scheduled_fire_time is None else instant(job.scheduled_fire_time)
        )
        record = cls(job, fire_time, queue, ())
        record.place = (-job.priority, scheduled, created_at, job.id.int, record)
        return record

    def snapshot(self) -> Job:
        """Return the job with the end of its lease as it is now."""
        if self.lease is None or self.lease.until == self.job.acquired_until:
            return self.job
        return claimed(self.job, self.lease.owner, self.lease.until, self.job.token)

    def is_held(self, owner: str, token: int) -> bool:
        """Tell whether a claim on the job is the current one."""
        return self.lease is not None and self.job.token == token and self.lease.owner == owner


def fire_time_of(job: Job) -> FireTime | None:
    """Return what the job is the only one for, or `None` if it is not the job of a schedule."""
    if job.schedule_id is None or job.scheduled_fire_time is None:
        return None
    nominal = instant(job.scheduled_fire_time)
    return job.schedule_id, nominal - job.jitter if job.jitter else nominal


def result_of(job: Job, outcome: JobOutcome, now: datetime) -> JobResult:
    """Make the result of a job that the data store itself ends."""
    return JobResult.from_job(job, outcome, finished_at=now)
