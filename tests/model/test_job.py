"""What jobs and their results derive from each other."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from rota.model import Job, JobOutcome, JobResult

NOW = datetime(2025, 1, 1, 12, tzinfo=timezone.utc)


def job(**changes: object) -> Job:
    required = {"id": UUID(int=1), "task_id": "t", "executor": "async", "created_at": NOW}
    return Job(**{**required, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fire_time", "jitter", "nominal"),
    [
        (None, timedelta(0), None),
        (NOW, timedelta(0), NOW),
        (NOW + timedelta(seconds=3), timedelta(seconds=3), NOW),
    ],
    ids=["at-once", "without-jitter", "with-jitter"],
)
def test_nominal_time_is_the_fire_time_without_jitter(
    fire_time: datetime | None, jitter: timedelta, nominal: datetime | None
) -> None:
    assert job(scheduled_fire_time=fire_time, jitter=jitter).original_scheduled_time == nominal


def test_result_expires_when_its_job_says() -> None:
    result = JobResult.from_job(
        job(result_expiration_time=timedelta(hours=2), attempt=3),
        JobOutcome.success,
        started_at=NOW,
        finished_at=NOW + timedelta(minutes=1),
        return_value=42,
    )
    assert result == JobResult(
        job_id=UUID(int=1),
        outcome=JobOutcome.success,
        started_at=NOW,
        finished_at=NOW + timedelta(minutes=1),
        expires_at=NOW + timedelta(hours=2, minutes=1),
        return_value=42,
        attempt=3,
    )


def test_result_that_nobody_wants_expires_at_once() -> None:
    result = JobResult.from_job(job(), JobOutcome.error, finished_at=NOW)
    assert result.expires_at == result.finished_at
