"""Jobs that note for which fire times they run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from rota import IntervalTrigger, current_job

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

times: list[datetime] = []


async def note() -> None:
    job = current_job.get()
    assert job.original_scheduled_time is not None
    times.append(job.original_scheduled_time)


def every(seconds: float, start: datetime = START) -> IntervalTrigger:
    return IntervalTrigger(seconds=seconds, start_time=start)


def after(*seconds: float) -> list[datetime]:
    return [START + timedelta(seconds=n) for n in seconds]
