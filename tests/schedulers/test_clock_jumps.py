"""Wall clocks that are set, and machines that sleep: the monotonic clock is what waiting goes by."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from rota import (
    AsyncScheduler,
    CoalescePolicy,
    IntervalTrigger,
    JobLeaseLost,
    MemoryDataStore,
    current_job,
)
from rota.abc import JobFilter
from rota.testing._datastore._fixtures import make_job

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

times: list[datetime | None] = []


@pytest.fixture(autouse=True)
def no_times() -> None:
    times.clear()


async def note() -> None:
    times.append(current_job.get().scheduled_fire_time)


def at(*minutes: float) -> list[datetime]:
    return [START + n * MINUTE for n in minutes]


async def test_nothing_is_repeated_when_the_clock_is_set_back_an_hour(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    await scheduler.add_schedule(note, IntervalTrigger(minutes=10))
    await clock.advance(25 * MINUTE)
    clock.set_wall_time(clock.now() - HOUR)
    await clock.advance(HOUR)  # the same time again
    assert times == at(0, 10, 20)

    await clock.advance(20 * MINUTE)
    assert times == at(0, 10, 20, 30, 40)


async def test_what_is_added_after_the_clock_was_set_back_is_not_late(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    await clock.advance(HOUR)
    clock.set_wall_time(START)
    await scheduler.add_schedule(note, IntervalTrigger(minutes=10, start_time=START + MINUTE))
    await clock.advance(MINUTE)

    assert times == at(1)


@pytest.mark.parametrize(
    "jump", [timedelta(hours=8), timedelta(days=3653)], ids=["suspended-eight-hours", "ten-years"]
)
async def test_after_a_jump_forward_one_run_makes_up_for_what_was_missed(
    scheduler: AsyncScheduler, clock: VirtualClock, jump: timedelta
) -> None:
    await scheduler.add_schedule(note, IntervalTrigger(minutes=10))
    await clock.advance(5 * MINUTE)
    clock.set_wall_time(clock.now() + jump)
    woken = clock.now()
    await clock.advance(scheduler.polling_interval)

    assert times == [START, START + jump]
    await clock.advance(10 * MINUTE)
    assert times[2:] == [START + jump + 10 * MINUTE]
    assert clock.now() - woken == scheduler.polling_interval + 10 * MINUTE


async def test_jump_forward_costs_a_running_job_neither_its_lease_nor_its_result(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    lost: list[JobLeaseLost] = []
    scheduler.subscribe(lost.append, JobLeaseLost)

    async def long() -> str:
        await clock.sleep(600)
        return "done"

    job_id = await scheduler.add_job(long, result_expiration_time=timedelta(days=2))
    await scheduler.add_schedule(note, IntervalTrigger(minutes=1))  # so that the store is asked
    await clock.advance(MINUTE)
    clock.set_wall_time(clock.now() + 8 * HOUR)
    await clock.advance(10 * MINUTE)
    result = await scheduler.get_job_result(job_id, wait=False)

    assert result is not None
    assert result.return_value == "done"
    assert lost == []


async def test_jump_forward_costs_no_job_of_a_neighbour(clock: VirtualClock) -> None:
    """Who wakes up first must not take the others for gone; who is gone is noticed a little later."""

    async def long() -> str:
        await clock.sleep(600)
        return "done"

    store = MemoryDataStore()
    nothing = JobFilter(task_ids={"nothing"})
    async with (
        AsyncScheduler(store, clock=clock, accept=nothing, polling_interval=30) as neighbour,
        AsyncScheduler(store, clock=clock) as worker,
    ):
        await neighbour.start_in_background()
        await clock.advance(1)
        await worker.start_in_background()
        await worker.configure_task("gone", func=note, job_executor="async")
        await store.add_jobs([make_job(task_id="gone", result_expiration_time=timedelta(days=2))])
        (gone,) = (await store.acquire_jobs("gone", timedelta(seconds=30), 1)).items
        job_id = await worker.add_job(long, result_expiration_time=timedelta(days=2))
        await clock.advance(28)
        clock.set_wall_time(clock.now() + 8 * HOUR)
        await clock.advance(2)
        assert [job.id for job in await worker.get_jobs()] == [gone.id, job_id]
        await clock.advance(2 * MINUTE)
        assert [job.id for job in await worker.get_jobs()] == [job_id]
        await clock.advance(8 * MINUTE)
        result = await worker.get_job_result(job_id, wait=False)

    assert result is not None
    assert result.return_value == "done"


async def test_timeout_is_real_time_whatever_the_clock_shows(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    ended: list[float] = []

    async def long() -> None:
        began = clock.monotonic()
        try:
            await clock.sleep(1000)
        finally:
            ended.append(clock.monotonic() - began)

    await scheduler.configure_task(long, timeout=30)
    await scheduler.add_job(long)
    await clock.advance(10)
    clock.set_wall_time(clock.now() + HOUR)
    await clock.advance(1)
    assert ended == []
    await clock.advance(20)
    assert ended == [30]


async def test_every_second_for_ten_years_is_one_run_when_coalesced(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    await scheduler.add_schedule(note, IntervalTrigger(seconds=1), coalesce=CoalescePolicy.earliest)
    await clock.advance(1.5)
    clock.set_wall_time(clock.now() + timedelta(days=3653))
    await clock.advance(scheduler.polling_interval - timedelta(seconds=1))

    assert times[:3] == [START, START + MINUTE / 60, START + MINUTE / 30]
    assert len(times) <= 3 + 60
