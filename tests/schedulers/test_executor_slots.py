"""Jobs that wait for a thread or a process: nothing about them begins before they do."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from rota import AsyncScheduler, IntervalTrigger, JobOutcome, MemoryDataStore
from rota.abc import JobExecutor
from rota.executors.async_ import AsyncJobExecutor
from rota.executors.thread import ThreadPoolJobExecutor

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from rota.model import Job, JobResult
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


class OneByOne(JobExecutor):
    """Runs coroutine functions, one at a time."""

    max_workers = 1

    async def run_job(self, func: Callable[..., Any], job: Job) -> Any:
        return await func(*job.args)


@pytest.fixture
def store() -> MemoryDataStore:
    return MemoryDataStore()


def make(store: MemoryDataStore, clock: VirtualClock, **settings: Any) -> AsyncScheduler:
    executors: dict[str, JobExecutor] = {"one": OneByOne(), "async": AsyncJobExecutor()}
    return AsyncScheduler(store, clock=clock, job_executors=executors, **settings)


async def add_three(scheduler: AsyncScheduler, clock: VirtualClock, **settings: Any) -> list[UUID]:
    """Add three jobs that take five seconds each."""

    async def work() -> None:
        await clock.sleep(5)

    await scheduler.configure_task(
        "t", func=work, job_executor="one", max_running_jobs=None, **settings
    )
    return [
        await scheduler.add_job("t", result_expiration_time=3600, run_at=START) for _ in range(3)
    ]


async def results(scheduler: AsyncScheduler, ids: list[UUID]) -> list[JobResult]:
    found = [await scheduler.get_job_result(job_id, wait=False) for job_id in ids]
    return [result for result in found if result is not None]


async def test_timeout_begins_when_the_job_does(
    store: MemoryDataStore, clock: VirtualClock
) -> None:
    async with make(store, clock) as scheduler:
        ids = await add_three(scheduler, clock, timeout=6)
        await scheduler.start_in_background()
        await clock.advance(16)
        ended = await results(scheduler, ids)

    assert [result.outcome for result in ended] == [JobOutcome.success] * 3
    assert sorted(result.started_at for result in ended if result.started_at) == [
        START,
        START + 5 * SECOND,
        START + 10 * SECOND,
    ]


async def test_start_deadline_counts_until_the_job_begins(
    store: MemoryDataStore, clock: VirtualClock
) -> None:
    async with make(store, clock) as scheduler:
        ids = await add_three(scheduler, clock, misfire_grace_time=7)
        await scheduler.start_in_background()
        await clock.advance(16)
        ended = await results(scheduler, ids)

    outcomes = sorted(result.outcome.name for result in ended)
    assert outcomes == ["missed_start_deadline", "success", "success"]


async def test_job_that_waits_can_be_cancelled(store: MemoryDataStore, clock: VirtualClock) -> None:
    async with make(store, clock) as scheduler:
        ids = await add_three(scheduler, clock)
        await scheduler.start_in_background()
        await clock.advance(1)
        await scheduler.cancel_job(ids[1])
        await clock.advance(0)
        (cancelled,) = await results(scheduler, ids[1:2])
        await clock.advance(10)
        others = await results(scheduler, [ids[0], ids[2]])

    assert cancelled.outcome is JobOutcome.cancelled
    assert cancelled.started_at is None
    assert [result.outcome for result in others] == [JobOutcome.success] * 2


async def test_jobs_that_wait_when_the_scheduler_stops_are_left_to_others(
    store: MemoryDataStore, clock: VirtualClock
) -> None:
    async with make(store, clock, shutdown_timeout=30) as scheduler:
        ids = await add_three(scheduler, clock)
        await scheduler.start_in_background()
        await clock.advance(1)
        await scheduler.stop()
        await clock.advance(30)
        await scheduler.wait_until_stopped()
        (first,) = await results(scheduler, ids[:1])
        left = await scheduler.get_jobs()
    assert first.outcome is JobOutcome.success
    assert [(job.id, job.attempt, job.acquired_by) for job in left] == [
        (job_id, 1, None) for job_id in ids[1:]
    ]

    async with make(store, clock) as other:
        await other.start_in_background()
        await clock.advance(10)
        assert [result.outcome for result in await results(other, ids)] == [JobOutcome.success] * 3


async def test_jobs_of_another_executor_do_not_wait(
    store: MemoryDataStore, clock: VirtualClock
) -> None:
    ran = []

    async def quick() -> None:
        ran.append(clock.now())

    async with make(store, clock) as scheduler:
        await add_three(scheduler, clock)
        await scheduler.add_schedule(
            quick,
            IntervalTrigger(seconds=1, start_time=START),
            id="every second",
            job_executor="async",
        )
        await scheduler.start_in_background()
        await clock.advance(2)
        await clock.advance(13)
        await scheduler.remove_schedules(["every second"])

    assert ran == [START + n * SECOND for n in range(16)]


async def test_plain_functions_wait_for_a_thread_without_being_timed(clock: VirtualClock) -> None:
    """Of two that wait for the one thread, the second would be over its time if waiting counted."""
    first_may_end = threading.Event()

    def first() -> None:
        assert first_may_end.wait(30)

    def second() -> int:
        return 2

    executors: dict[str, JobExecutor] = {"threadpool": ThreadPoolJobExecutor(1)}
    async with AsyncScheduler(clock=clock, job_executors=executors) as scheduler:
        await scheduler.configure_task("second", func=second, timeout=5)
        await scheduler.add_job(first)
        job_id = await scheduler.add_job("second", result_expiration_time=3600)
        await scheduler.start_in_background()
        timer = threading.Timer(0.1, first_may_end.set)
        timer.start()
        with clock.autojump():
            result = await scheduler.get_job_result(job_id)

    assert result is not None
    assert (result.outcome, result.return_value) == (JobOutcome.success, 2)
