"""An event of every class."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from rota.model import (
    Event,
    EventsMissed,
    FireTimeSkipped,
    JobAcquired,
    JobAdded,
    JobDeserializationFailed,
    JobLeaseLost,
    JobOutcome,
    JobReleased,
    JobRemoved,
    ScheduleAdded,
    ScheduleDeserializationFailed,
    ScheduleFailed,
    ScheduleRemoved,
    SchedulerStarted,
    SchedulerStopped,
    ScheduleUpdated,
    TaskAdded,
    TaskRemoved,
    TaskUpdated,
)

__all__ = ["NOW", "sample_events"]

NOW = datetime(2025, 3, 30, 1, 59, 59, 999_999, tzinfo=timezone.utc)


def sample_events() -> list[Event]:
    """Make an event of every class, with every field set."""
    job: dict[str, Any] = {"job_id": UUID(int=7), "task_id": "tâsk", "timestamp": NOW}
    of_schedule: dict[str, Any] = {"schedule_id": "sched:*>#%", "task_id": "tâsk", "timestamp": NOW}
    run: dict[str, Any] = {
        **job,
        "scheduler_id": "host-1",
        "schedule_id": "sched",
        "scheduled_start": NOW,
    }
    return [
        TaskAdded(task_id="tâsk", timestamp=NOW),
        TaskUpdated(task_id="tâsk", timestamp=NOW),
        TaskRemoved(task_id="tâsk", timestamp=NOW),
        ScheduleAdded(**of_schedule, next_fire_time=NOW),
        ScheduleUpdated(**of_schedule, next_fire_time=None),
        ScheduleRemoved(**of_schedule, finished=True),
        ScheduleFailed(**of_schedule, error="it raised"),
        ScheduleDeserializationFailed(schedule_id="s", exception="damaged", timestamp=NOW),
        JobAdded(**job, schedule_id=None),
        JobRemoved(**job),
        JobDeserializationFailed(job_id=UUID(int=8), exception="damaged", timestamp=NOW),
        EventsMissed(timestamp=NOW),
        SchedulerStarted(timestamp=NOW),
        SchedulerStopped(timestamp=NOW),
        JobAcquired(**run),
        FireTimeSkipped(**of_schedule, fire_time=NOW),
        JobLeaseLost(**job, scheduler_id="host-1", schedule_id=None),
        JobReleased(
            **run,
            started_at=NOW,
            outcome=JobOutcome.error,
            exception_type="ValueError",
            exception_message="x" * 4_096,
            exception_traceback=["line\n"] * 100,
        ),
    ]
