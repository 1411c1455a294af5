"""The fields of log records: what a machine reads where a person reads the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rota.model import Job, Schedule

__all__ = ["job_fields", "schedule_fields"]


def job_fields(event: str, job: Job, **values: object) -> dict[str, object]:
    """Return what a record about a job carries as `extra`.

    :param event: what happened, in words that stay the same when the message is put better
    """
    return {
        "event": event,
        "job_id": str(job.id),
        "task_id": job.task_id,
        "schedule_id": job.schedule_id,
        "attempt": job.attempt,
        "scheduler_id": job.acquired_by,
        **values,
    }


def schedule_fields(event: str, schedule: Schedule, **values: object) -> dict[str, object]:
    """Return what a record about a schedule carries as `extra`. See `job_fields`."""
    return {
        "event": event,
        "schedule_id": schedule.id,
        "task_id": schedule.task_id,
        "scheduler_id": schedule.acquired_by,
        **values,
    }
