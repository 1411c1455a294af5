"""Jobs: requests to run a task once, and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import field, frozen

from rota.model._validation import (
    as_args,
    as_aware,
    as_kwargs,
    as_length,
    as_metadata,
    as_utc,
    identifier,
    in_priorities,
    length,
    of_type,
)

if TYPE_CHECKING:
    from rota.model._enums import JobOutcome

__all__ = ["Job", "JobRelease", "JobResult"]


@frozen(kw_only=True)
class Job:
    """A request to run a task once.

    :param id: the unique id
    :param task_id: the task to run
    :param args: positional arguments of the callable
    :param kwargs: keyword arguments of the callable
    :param schedule_id: the schedule it was created from, or `None`
    :param scheduled_fire_time: when it is meant to start, jitter included; `None` for "at once"
    :param jitter: what chance added to the fire time that the trigger gave
    :param executor: the name of the executor that runs it
    :param start_deadline: when it is too late to start it (inclusive); `None` for never
    :param result_expiration_time: how long its result is kept; zero for not at all
    :param metadata: JSON-compatible values
    :param priority: of jobs that are due, those with the higher number are taken first
    :param not_before: it is not given to a worker before this time (jitter, back-off); `None` for "at once"
    :param attempt: 1 for the first try, one more for each try after it
    :param serial: whether it waits until all earlier jobs of its schedule that are marked so have ended, be it that
        they run, wait or are to be tried again (`OverlapPolicy.queue_all`)
    :param created_at: when it was created (UTC)
    :param acquired_by: the incarnation of the worker that holds the lease
    :param acquired_until: when that lease ends (UTC, by the data store's clock)
    :param token: the fence: it grows with every claim
    """

    id: UUID = field(validator=of_type(UUID))
    task_id: str = field(validator=identifier)
    args: Sequence[Any] = field(default=(), converter=as_args)
    kwargs: Mapping[str, Any] = field(factory=dict, converter=as_kwargs)
    schedule_id: str | None = field(default=None, validator=of_type(str, type(None)))
    scheduled_fire_time: datetime | None = field(default=None, converter=as_aware)
    jitter: timedelta = field(default=timedelta(0), converter=as_length, validator=length)
    executor: str = field(validator=of_type(str))
    start_deadline: datetime | None = field(default=None, converter=as_utc)
    result_expiration_time: timedelta = field(
        default=timedelta(0), converter=as_length, validator=length
    )
    metadata: Mapping[str, Any] = field(factory=dict, converter=as_metadata)
    priority: int = field(default=0, validator=in_priorities)
    not_before: datetime | None = field(default=None, converter=as_utc)
    attempt: int = field(default=1, validator=of_type(int))
    serial: bool = field(default=False, validator=of_type(bool))
    created_at: datetime = field(converter=as_utc)
    acquired_by: str | None = field(default=None, validator=of_type(str, type(None)))
    acquired_until: datetime | None = field(default=None, converter=as_utc)
    token: int = field(default=0, eq=False)

    @property
    def original_scheduled_time(self) -> datetime | None:
        """The nominal fire time: what the trigger gave, before jitter. Unique with the schedule's id."""
        if self.scheduled_fire_time is None or not self.jitter:
            return self.scheduled_fire_time
        return self.scheduled_fire_time - self.jitter


@frozen(kw_only=True)
class JobResult:
    """How a job ended.

    :param job_id: the job
    :param outcome: how it ended
    :param started_at: when it was started, or `None` if it never was (UTC)
    :param finished_at: when it ended (UTC)
    :param expires_at: until when this result is kept (UTC)
    :param exception: what it raised, if the outcome is an error
    :param return_value: what it returned, if the outcome is success
    :param attempt: which attempt this was
    """

    job_id: UUID
    outcome: JobOutcome
    started_at: datetime | None = field(default=None, converter=as_utc)
    finished_at: datetime = field(converter=as_utc)
    expires_at: datetime = field(converter=as_utc)
    exception: BaseException | None = None
    return_value: Any = None
    attempt: int = 1

    @classmethod
    def from_job(
        cls,
        job: Job,
        outcome: JobOutcome,
        *,
        finished_at: datetime,
        started_at: datetime | None = None,
        exception: BaseException | None = None,
        return_value: Any = None,
    ) -> JobResult:
        """Make the result of `job`, to be kept as long as the job asks for."""
        return cls(
            job_id=job.id,
            outcome=outcome,
            started_at=started_at,
            finished_at=finished_at,
            expires_at=finished_at + job.result_expiration_time,
            exception=exception,
            return_value=return_value,
            attempt=job.attempt,
        )


@frozen(kw_only=True)
class JobRelease:
    """What a worker says of a job that it had claimed.

    :param job: the job as it was claimed, with its token
    :param result: how it ended, or `None` to hand it back unfinished
    :param run_again_after: with a result: the pause until the next attempt, or `None` for no other attempt;
        without one: the pause until it is offered again
    """

    job: Job
    result: JobResult | None = None
    run_again_after: timedelta | None = None
