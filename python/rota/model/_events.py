"""What rota tells its listeners. Events are hints: nothing but speed may depend on their arrival."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from attrs import field, frozen

from rota.model._failure import describe
from rota.model._validation import as_aware, as_utc

if TYPE_CHECKING:
    from rota.model._enums import JobOutcome
    from rota.model._job import Job, JobResult

__all__ = [
    "DataStoreEvent",
    "Event",
    "EventsMissed",
    "FireTimeSkipped",
    "JobAcquired",
    "JobAdded",
    "JobDeserializationFailed",
    "JobLeaseLost",
    "JobReleased",
    "JobRemoved",
    "ScheduleAdded",
    "ScheduleDeserializationFailed",
    "ScheduleFailed",
    "ScheduleRemoved",
    "ScheduleUpdated",
    "SchedulerEvent",
    "SchedulerStarted",
    "SchedulerStopped",
    "TaskAdded",
    "TaskRemoved",
    "TaskUpdated",
]

MAX_TEXT = 4_096  #: characters of an exception's text or traceback that an event carries


@frozen(kw_only=True)
class Event:
    """The base of all events.

    :param timestamp: when it happened (UTC)
    """

    timestamp: datetime = field(converter=as_utc)


@frozen(kw_only=True)
class DataStoreEvent(Event):
    """Something changed in the data store."""


@frozen(kw_only=True)
class TaskAdded(DataStoreEvent):
    """A task was added."""

    task_id: str


@frozen(kw_only=True)
class TaskUpdated(DataStoreEvent):
    """A task was changed."""

    task_id: str


@frozen(kw_only=True)
class TaskRemoved(DataStoreEvent):
    """A task was removed."""

    task_id: str


@frozen(kw_only=True)
class ScheduleAdded(DataStoreEvent):
    """A schedule was added."""

    schedule_id: str
    task_id: str
    next_fire_time: datetime | None = field(converter=as_aware)


@frozen(kw_only=True)
class ScheduleUpdated(DataStoreEvent):
    """A schedule was changed, or advanced to its next fire time."""

    schedule_id: str
    task_id: str
    next_fire_time: datetime | None = field(converter=as_aware)


@frozen(kw_only=True)
class ScheduleRemoved(DataStoreEvent):
    """A schedule was removed, by request or (`finished`) because its trigger ended."""

    schedule_id: str
    task_id: str
    finished: bool


@frozen(kw_only=True)
class ScheduleFailed(DataStoreEvent):
    """A schedule was set aside: its trigger raised, or gave something that is no fire time."""

    schedule_id: str
    task_id: str
    error: str


@frozen(kw_only=True)
class ScheduleDeserializationFailed(DataStoreEvent):
    """A stored schedule could not be read; it was set aside."""

    schedule_id: str
    exception: BaseException | str


@frozen(kw_only=True)
class JobAdded(DataStoreEvent):
    """A job was added."""

    job_id: UUID
    task_id: str
    schedule_id: str | None


@frozen(kw_only=True)
class JobRemoved(DataStoreEvent):
    """A job was removed."""

    job_id: UUID
    task_id: str


@frozen(kw_only=True)
class JobDeserializationFailed(DataStoreEvent):
    """A stored job could not be read; it was recorded as such."""

    job_id: UUID
    exception: BaseException | str


@frozen(kw_only=True)
class SchedulerEvent(Event):
    """Something happened in a scheduler."""


@frozen(kw_only=True)
class SchedulerStarted(SchedulerEvent):
    """A scheduler was started."""


@frozen(kw_only=True)
class SchedulerStopped(SchedulerEvent):
    """A scheduler stopped; `exception` tells why, if that was an error."""

    exception: BaseException | None = None


@frozen(kw_only=True)
class EventsMissed(SchedulerEvent):
    """Events of other processes may have been missed: the connection to the event broker was lost, and is back."""


@frozen(kw_only=True)
class JobAcquired(SchedulerEvent):
    """A worker took a job in order to run it."""

    job_id: UUID
    scheduler_id: str
    task_id: str
    schedule_id: str | None = None
    scheduled_start: datetime | None = field(default=None, converter=as_aware)

    @classmethod
    def from_job(cls, job: Job, scheduler_id: str, timestamp: datetime) -> JobAcquired:
        """Describe that `scheduler_id` took `job`."""
        return cls(
            timestamp=timestamp,
            job_id=job.id,
            scheduler_id=scheduler_id,
            task_id=job.task_id,
            schedule_id=job.schedule_id,
            scheduled_start=job.scheduled_fire_time,
        )


@frozen(kw_only=True)
class FireTimeSkipped(SchedulerEvent):
    """A fire time gave no job, because an earlier job of the schedule had not ended (see `OverlapPolicy`)."""

    schedule_id: str
    task_id: str
    fire_time: datetime = field(converter=as_aware)


@frozen(kw_only=True)
class JobLeaseLost(SchedulerEvent):
    """A worker lost its claim on a job that it was running; the job was cancelled there and nothing recorded."""

    job_id: UUID
    scheduler_id: str
    task_id: str
    schedule_id: str | None


@frozen(kw_only=True)
class JobReleased(SchedulerEvent):
    """A worker is done with a job, or with an attempt at one. Texts are cut to `MAX_TEXT` characters.

    :param scheduler_id: the start of a scheduler that held the job; empty if nobody did
    :param attempt: which attempt this was
    """

    job_id: UUID
    scheduler_id: str
    task_id: str
    schedule_id: str | None = None
    scheduled_start: datetime | None = field(default=None, converter=as_aware)
    started_at: datetime | None = field(default=None, converter=as_utc)
    outcome: JobOutcome
    attempt: int = 1
    exception_type: str | None = None
    exception_message: str | None = None
    exception_traceback: list[str] | None = None

    @classmethod
    def from_result(
        cls, job: Job, result: JobResult, scheduler_id: str, timestamp: datetime
    ) -> JobReleased:
        """Describe that `scheduler_id` finished `job` with `result`."""
        kind = message = traceback = None
        if result.exception is not None:
            kind, message, traceback = describe(result.exception, MAX_TEXT)
        return cls(
            timestamp=timestamp,
            job_id=job.id,
            scheduler_id=scheduler_id,
            task_id=job.task_id,
            schedule_id=job.schedule_id,
            scheduled_start=job.scheduled_fire_time,
            started_at=result.started_at,
            outcome=result.outcome,
            attempt=result.attempt,
            exception_type=kind,
            exception_message=message,
            exception_traceback=traceback.splitlines(keepends=True) if traceback else None,
        )
