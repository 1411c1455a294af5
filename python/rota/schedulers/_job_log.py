"""What a worker says of jobs in the log."""

from __future__ import annotations

from logging import DEBUG, ERROR, INFO, WARNING
from typing import TYPE_CHECKING

from rota.model._failure import traceback_text
from rota.schedulers._claim import Verdict
from rota.schedulers._job_outcome import frames_of
from rota.schedulers._log_fields import job_fields

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from logging import Logger

    from rota.model import Job

__all__ = ["JobLog"]

MAX_TRACEBACK_TEXT = 4_096  #: characters of a traceback that are logged


class JobLog:
    """Logs what becomes of jobs: what goes well for debugging only, as it may be much."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    # claiming

    def claimed(self, jobs: Sequence[Job], at: datetime, room: int) -> None:
        """Say which jobs were claimed, at a time by the store's clock."""
        if not self._logger.isEnabledFor(DEBUG):
            return
        extra = {"event": "jobs.claimed", "jobs": len(jobs), "room": room}
        self._logger.debug("claimed %d jobs (room for %d) at %s", len(jobs), room, at, extra=extra)
        for job in jobs:
            late, seconds = "not scheduled", None
            if job.scheduled_fire_time is not None:
                seconds = (at - job.scheduled_fire_time).total_seconds()
                late = f"{seconds:.3f} s late"
            self._logger.debug(
                "claimed job %s of task %r, schedule %r, attempt %d, %s",
                job.id,
                job.task_id,
                job.schedule_id,
                job.attempt,
                late,
                extra=job_fields("job.claimed", job, lateness_seconds=seconds),
            )

    def missed(self, job: Job, at: datetime) -> None:
        """Say that a job was claimed when its start deadline had passed."""
        self._logger.warning(
            "job %s of task %r, schedule %r, missed its start deadline of %s; now it is %s",
            job.id,
            job.task_id,
            job.schedule_id,
            job.start_deadline,
            at,
            extra=job_fields("job.missed_start_deadline", job),
        )

    def idle(self, seconds: float) -> None:
        """Say that there is nothing to claim."""
        self._logger.debug(
            "no more jobs to claim; asking again in %.3f s at the latest",
            seconds,
            extra={"event": "jobs.idle", "sleep_seconds": seconds},
        )

    # running

    def succeeded(self, job: Job, started_at: datetime, now: datetime) -> None:
        """Say that a job has ended well."""
        if self._logger.isEnabledFor(DEBUG):
            seconds = (now - started_at).total_seconds()
            self._logger.debug(
                "job %s of task %r succeeded after %.3f s",
                job.id,
                job.task_id,
                seconds,
                extra=job_fields("job.succeeded", job, duration_seconds=seconds),
            )

    def failed(self, job: Job, exc: BaseException, seconds: float, pause: timedelta | None) -> None:
        """Say that a job raised, and where; and, as a warning, if it will be tried again, after a pause.

        The traceback is the record's `exc_info`; of one that is too long, the end is a part of the message.
        """
        frames = frames_of(exc)
        text = traceback_text(exc, frames)
        fits = len(text) <= MAX_TRACEBACK_TEXT
        again = None if pause is None else pause.total_seconds()
        self._logger.log(
            ERROR if again is None else WARNING,
            "job %s of task %r failed in attempt %d%s%s",
            job.id,
            job.task_id,
            job.attempt,
            "" if again is None else f", to be tried again in {again:.3f} s",
            "" if fits else f": {text[-MAX_TRACEBACK_TEXT:]}",
            exc_info=(type(exc), exc, frames) if fits else None,
            extra=job_fields(
                "job.failed",
                job,
                duration_seconds=seconds,
                error_type=type(exc).__qualname__,
                retry_seconds=again,
            ),
        )

    def handed_back(self, job: Job, why: BaseException | None) -> None:
        """Say that a job cannot be run at present."""
        self._logger.warning(
            "job %s is handed back: %r", job.id, why, extra=job_fields("job.handed_back", job)
        )

    def given_up(self, job: Job, verdict: Verdict, *, started: bool) -> None:
        """Say why a job was cut short, or not begun; it is worth a warning if the stop of the scheduler ended it."""
        self._logger.log(
            WARNING if started and verdict is Verdict.stopped else INFO,
            "job %s of task %r was given up: %s",
            job.id,
            job.task_id,
            verdict.name,
            extra=job_fields("job.given_up", job, reason=verdict.name),
        )

    # what goes wrong

    def lease_lost(self, job: Job) -> None:
        """Say that a job is no longer this worker's."""
        self._logger.warning(
            "the lease on job %s of task %r was lost; nothing is recorded",
            job.id,
            job.task_id,
            extra=job_fields("job.lease_lost", job),
        )

    def goes_on(self, job: Job) -> None:
        """Say that a job does not end though it was cancelled."""
        self._logger.error(
            "job %s of task %r goes on although it was cancelled",
            job.id,
            job.task_id,
            extra=job_fields("job.left_behind", job),
        )

    def unrecorded(self, count: int) -> None:
        """Say that the scheduler stops without having recorded how jobs ended."""
        self._logger.error(
            "%d jobs could not be recorded; their leases will run out",
            count,
            extra={"event": "jobs.unrecorded", "jobs": count},
        )
