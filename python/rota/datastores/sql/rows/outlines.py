"""What can be told of a job from its row alone, without a serializer, and even if the row is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota.datastores.sql.instants import duration, instant
from rota.datastores.sql.rows.objects import as_text, as_uuid
from rota.model import Job, JobOutcome, JobResult

if TYPE_CHECKING:
    from datetime import datetime

    from rota.datastores.sql._dialect import AnyRow

__all__ = ["outline", "result_of"]


def outline(row: AnyRow, at: datetime) -> Job:
    """Return a job without its arguments; of a damaged row, its id and what it was to run, as if created at `at`."""
    try:
        return Job(
            id=as_uuid(row.id),
            task_id=row.task_id,
            schedule_id=row.schedule_id,
            scheduled_fire_time=instant(row.scheduled_fire_time, row.scheduled_offset),
            executor=row.executor,
            attempt=row.attempt,
            created_at=instant(row.created_at),
        )
    except (ArithmeticError, TypeError, ValueError):
        return Job(
            id=as_uuid(row.id),
            task_id=as_text(str(row.task_id)) or "?",
            executor=as_text(str(row.executor)) or "?",
            created_at=at,
        )


def result_of(
    row: AnyRow, outcome: JobOutcome, at: datetime, exception: BaseException | None = None
) -> JobResult:
    """Return the result of a job that ended without having been run."""
    try:
        expires_at = at + duration(row.result_expiration_time)
    except (ArithmeticError, TypeError):  # of a damaged row
        expires_at = at
    return JobResult(
        job_id=as_uuid(row.id),
        outcome=outcome,
        finished_at=at,
        expires_at=expires_at,
        exception=exception,
        attempt=row.attempt if isinstance(row.attempt, int) else 1,
    )
