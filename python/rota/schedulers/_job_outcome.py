"""What is recorded of a job that has ended, one way or another. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rota.model import (
    AbandonedPolicy,
    Job,
    JobOutcome,
    JobRelease,
    JobResult,
    RetryPolicy,
    RotaError,
)
from rota.model._copies import maker

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random
    from types import TracebackType

    from rota.model import Task

__all__ = [
    "ended",
    "failed",
    "frames_of",
    "handed_back",
    "retry_pause",
    "stopped",
]

#: Make a result of times in UTC.
_result = maker(
    JobResult,
    "job_id",
    "outcome",
    "started_at",
    "finished_at",
    "expires_at",
    "exception",
    "return_value",
    "attempt",
)
_release = maker(JobRelease, "job", "result")


def ended(
    job: Job,
    outcome: JobOutcome,
    finished_at: datetime,
    *,
    started_at: datetime | None = None,
    exception: BaseException | None = None,
    return_value: Any = None,
) -> JobRelease:
    """Say that a job has ended for good."""
    result = _result(
        job.id,
        outcome,
        started_at,
        finished_at,
        finished_at + job.result_expiration_time,
        exception,
        return_value,
        job.attempt,
    )
    return _release(job, result)


def failed(
    job: Job,
    task: Task | None,
    exception: BaseException,
    finished_at: datetime,
    started_at: datetime | None,
    random: Random,
) -> JobRelease:
    """Say that a job raised, and whether it is to be tried again."""
    result = JobResult.from_job(
        job,
        JobOutcome.error,
        started_at=started_at,
        finished_at=finished_at,
        exception=exception,
    )
    pause = None if task is None else retry_pause(task.retry, job.attempt, random)
    return JobRelease(job=job, result=result, run_again_after=pause)


def retry_pause(policy: RetryPolicy, attempt: int, random: Random) -> timedelta | None:
    """Return how long to wait before the attempt after `attempt`; `None` if there is none."""
    if attempt >= policy.max_attempts:
        return None
    growth = 2.0 ** min(attempt - 1, 60)
    seconds = min(policy.first_delay.total_seconds() * growth, policy.max_delay.total_seconds())
    return timedelta(seconds=seconds * random.uniform(0.5, 1))


def handed_back(job: Job, after: timedelta | None = None) -> JobRelease:
    """Say that a job has not been run, and that any worker may run it (after a pause)."""
    return JobRelease(job=job, run_again_after=after)


def stopped(
    job: Job, task: Task | None, finished_at: datetime, started_at: datetime | None
) -> JobRelease:
    """Say what becomes of a job that was cut short by the stop: what its task says of abandoned ones.

    :param started_at: `None` if it has not been called, so that anybody may still run it
    """
    if started_at is None or task is None or task.abandoned is AbandonedPolicy.run_again:
        return handed_back(job)
    return ended(job, JobOutcome.cancelled, finished_at, started_at=started_at)


def frames_of(exc: BaseException) -> TracebackType | None:
    """Return the traceback without the frames in which rota called the job.

    What rota itself raised, because it refused or ended the job, has only such frames: they tell nothing.
    """
    frames = exc.__traceback__
    while frames is not None and _is_ours(frames):
        frames = frames.tb_next
    return exc.__traceback__ if frames is None and not isinstance(exc, RotaError) else frames


def _is_ours(frames: TracebackType) -> bool:
    module = str(frames.tb_frame.f_globals.get("__name__", ""))
    return module.startswith(("rota.schedulers.", "rota.executors."))
