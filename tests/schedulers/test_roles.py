"""Roles: who processes schedules, who runs jobs, and who only asks; and which jobs a worker takes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from rota import AsyncScheduler, DateTrigger, JobFilter, SchedulerRole, current_async_scheduler
from rota.datastores.memory import MemoryDataStore

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)

ran_on: list[str] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran_on.clear()


async def note() -> None:
    scheduler = current_async_scheduler.get()
    assert scheduler is not None
    ran_on.append(scheduler.identity)


@pytest.mark.parametrize(
    ("role", "job_is_made", "job_is_run"),
    [
        pytest.param(SchedulerRole.both, True, True, id="both"),
        pytest.param(SchedulerRole.scheduler, True, False, id="scheduler"),
        pytest.param(SchedulerRole.worker, False, False, id="worker"),
        pytest.param(None, False, False, id="not-started"),
    ],
)
async def test_role_says_what_becomes_of_a_due_schedule(
    clock: VirtualClock, role: SchedulerRole | None, job_is_made: bool, job_is_run: bool
) -> None:
    async with AsyncScheduler(clock=clock, role=role or SchedulerRole.both) as scheduler:
        if role is not None:
            await scheduler.start_in_background()
        await scheduler.add_schedule(note, DateTrigger(START + SECOND))
        await clock.advance(5)

        assert len(await scheduler.get_schedules()) == (0 if job_is_made else 1)
        assert len(await scheduler.get_jobs()) == (1 if job_is_made and not job_is_run else 0)
        assert len(ran_on) == (1 if job_is_run else 0)


async def test_worker_runs_jobs_that_are_queued(clock: VirtualClock) -> None:
    async with AsyncScheduler(clock=clock, role=SchedulerRole.worker) as scheduler:
        await scheduler.start_in_background()
        await scheduler.run_job(note)

    assert len(ran_on) == 1


async def test_three_schedulers_share_the_work_of_one_store_at_once(clock: VirtualClock) -> None:
    """One adds, one processes schedules, one runs jobs; each learns at once what another has done."""
    store = MemoryDataStore()
    async with (
        AsyncScheduler(store, clock=clock, identity="adds") as adds,
        AsyncScheduler(
            store, clock=clock, identity="decides", role=SchedulerRole.scheduler
        ) as decides,
        AsyncScheduler(store, clock=clock, identity="runs", role=SchedulerRole.worker) as runs,
    ):
        await decides.start_in_background()
        await runs.start_in_background()
        await clock.advance(30)
        await adds.add_schedule(note, DateTrigger(START + 31 * SECOND))
        await adds.add_job(note)
        await clock.advance(1)

    assert ran_on == ["runs", "runs"]


async def test_worker_takes_only_what_it_accepts(clock: VirtualClock) -> None:
    store = MemoryDataStore()
    async with AsyncExitStack() as stack:

        async def start(identity: str, accept: JobFilter | None) -> AsyncScheduler:
            scheduler = AsyncScheduler(store, clock=clock, identity=identity, accept=accept)
            await stack.enter_async_context(scheduler)
            await scheduler.start_in_background()
            return scheduler

        await start("gpu", JobFilter(tags=frozenset({"gpu"})))
        named = await start("named", JobFilter(task_ids=frozenset({"mail"})))
        await named.configure_task("train", func=note, tags=["gpu", "slow"])
        await named.configure_task("mail", func=note)
        await named.configure_task("other", func=note)
        for task in ("train", "mail", "other"):
            await named.add_job(task)
        await clock.advance(120)
        assert sorted(ran_on) == ["gpu", "named"]
        assert [job.task_id for job in await named.get_jobs()] == ["other"]

        await start("any", None)
        await clock.advance(0)
        assert ran_on[2:] == ["any"]


async def test_job_that_runs_elsewhere_can_be_cancelled_from_here(clock: VirtualClock) -> None:
    store = MemoryDataStore()
    ended: list[datetime] = []

    async def long() -> None:
        try:
            await clock.sleep(1000)
        finally:
            ended.append(clock.now())

    async with (
        AsyncScheduler(store, clock=clock) as asks,
        AsyncScheduler(store, clock=clock, lease_duration=30) as runs,
    ):
        await runs.start_in_background()
        job_id = await asks.add_job(long)
        await clock.advance(1)
        assert await asks.cancel_job(job_id)
        await clock.advance(10)
        assert await asks.get_jobs() == []

    assert len(ended) == 1
    assert ended[0] - START <= 11 * SECOND
