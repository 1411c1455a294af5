"""The names of attributes, shared by metrics and spans. They are listed in the guide on observability."""

from __future__ import annotations

__all__ = [
    "ERROR_TYPE",
    "EXECUTOR",
    "JOB_ATTEMPT",
    "JOB_ID",
    "JOB_OUTCOME",
    "JOB_SCHEDULED_START",
    "JOB_STATE",
    "SCHEDULER",
    "SCHEDULE_ID",
    "TASK_ID",
]

ERROR_TYPE = "error.type"
EXECUTOR = "rota.job.executor"
JOB_ATTEMPT = "rota.job.attempt"
JOB_ID = "rota.job.id"
JOB_OUTCOME = "rota.job.outcome"
JOB_SCHEDULED_START = "rota.job.scheduled_start"
JOB_STATE = "rota.job.state"
SCHEDULE_ID = "rota.schedule.id"
SCHEDULER = "rota.scheduler.identity"
TASK_ID = "rota.task.id"
