"""A program as users write it, for type checkers: the calls that must be accepted, and what they return."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from typing_extensions import assert_type

from rota import (
    AsyncScheduler,
    CoalescePolicy,
    CronTrigger,
    Event,
    IntervalTrigger,
    JobReleased,
    JobResult,
    OverlapPolicy,
    RetryPolicy,
    Schedule,
    Scheduler,
    SchedulerRole,
    TaskDefaults,
    task,
)
from rota.abc import JobFilter
from rota.datastores.memory import MemoryDataStore
from rota.executors.thread import ThreadPoolJobExecutor


@task(id="add", max_running_jobs=5, retry=RetryPolicy(max_attempts=3), timeout=10)
def add(first: int, second: int = 0) -> int:
    """Stay what it is, for whoever calls it directly."""
    return first + second


@task
async def fetch(url: str) -> bytes:
    """Be decorated without arguments."""
    return url.encode()


def note(event: Event) -> None:
    """Listen to all."""


async def note_release(event: JobReleased) -> None:
    """Listen to one kind."""


def blocking() -> None:
    """Use the blocking scheduler without, and with, every kind of argument."""
    assert_type(add(1), int)
    with Scheduler() as scheduler:
        assert_type(scheduler.add_schedule(add, IntervalTrigger(seconds=5)), str)
        scheduler.start_in_background()
    settings = Scheduler(
        MemoryDataStore(),
        lease_duration=30,
        role=SchedulerRole.worker,
        task_defaults=TaskDefaults(misfire_grace_time=timedelta(minutes=1)),
        job_executors={"threadpool": ThreadPoolJobExecutor(4)},
        accept=JobFilter(tags={"mail"}),
    )
    assert_type(settings.accept, JobFilter | None)
    assert_type(settings.polling_interval, timedelta)
    assert_type(settings.add_job(add, args=[1]), UUID)
    assert_type(settings.get_schedules(), list[Schedule])
    settings.subscribe(note)
    settings.run_until_stopped()


async def asynchronous(when: datetime) -> JobResult | None:
    """Use the asynchronous one."""
    async with AsyncScheduler(MemoryDataStore(), polling_interval=1.5) as scheduler:
        await scheduler.configure_task(fetch, max_running_jobs=None)
        await scheduler.add_schedule(
            fetch,
            CronTrigger(hour=3, timezone="Europe/Berlin"),
            id="nightly",
            args=("https://example.com",),
            coalesce=CoalescePolicy.all,
            overlap=OverlapPolicy.skip,
            misfire_grace_time=None,
        )
        scheduler.subscribe(note_release, JobReleased)
        assert_type(await scheduler.get_next_event(JobReleased), JobReleased)
        job_id = await scheduler.add_job("add", kwargs={"first": 1}, run_at=when)
        return await scheduler.get_job_result(job_id)
