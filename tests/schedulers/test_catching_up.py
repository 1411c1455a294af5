"""A schedule of every second that nobody processed for thirty days: what it becomes, and in how much memory."""

from __future__ import annotations

import tracemalloc
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from rota import (
    AsyncScheduler,
    CoalescePolicy,
    IntervalTrigger,
    JobAdded,
    SchedulerRole,
    current_job,
)

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
MISSED = timedelta(days=30)
MEGABYTES = 8

times: list[datetime | None] = []


@pytest.fixture(autouse=True)
def no_times() -> None:
    times.clear()


async def note() -> None:
    times.append(current_job.get().scheduled_fire_time)


async def catch_up(
    clock: VirtualClock, coalesce: CoalescePolicy, window: timedelta | None = None
) -> int:
    """Start a scheduler after thirty days and let it run for ten seconds; return the most bytes that this took."""
    async with AsyncScheduler(clock=clock) as scheduler:
        await scheduler.configure_task(note, max_running_jobs=None)
        await scheduler.add_schedule(
            note, IntervalTrigger(seconds=1), coalesce=coalesce, catch_up_window=window
        )
        await clock.advance(MISSED + SECOND / 2)
        tracemalloc.start()
        try:
            await scheduler.start_in_background()
            await clock.advance(10)
            assert await scheduler.get_jobs() == []
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("coalesce", "first"),
    [(CoalescePolicy.latest, START + MISSED), (CoalescePolicy.earliest, START)],
    ids=["latest", "earliest"],
)
async def test_coalesced_schedule_makes_one_job(
    clock: VirtualClock, coalesce: CoalescePolicy, first: datetime
) -> None:
    memory = await catch_up(clock, coalesce)

    assert times == [first, *(START + MISSED + n * SECOND for n in range(1, 11))]
    assert memory < MEGABYTES * 2**20


async def test_all_of_the_window_become_jobs_in_order_and_nothing_before(
    clock: VirtualClock,
) -> None:
    memory = await catch_up(clock, CoalescePolicy.all, timedelta(hours=1))

    late = START + MISSED - timedelta(hours=1)
    assert times == [late + n * SECOND for n in range(1, 3600 + 11)]
    assert memory < MEGABYTES * 2**20


async def test_without_a_window_nothing_is_lost_and_others_are_not_held_up(
    clock: VirtualClock,
) -> None:
    """The fire times come in batches, between which other schedules are processed."""
    order: list[str | None] = []

    async with AsyncScheduler(clock=clock) as scheduler:
        await scheduler.configure_task(note, max_running_jobs=None)
        await scheduler.add_schedule(
            note, IntervalTrigger(seconds=1), id="much", coalesce=CoalescePolicy.all
        )
        await clock.advance(timedelta(hours=2))
        await scheduler.add_schedule(note, IntervalTrigger(hours=1), id="little")
        scheduler.subscribe(lambda event: order.append(event.schedule_id), JobAdded)
        await scheduler.start_in_background()
        await clock.advance(0)

    assert order.count("much") == len(times) - 1 == 7201
    assert order.index("little") <= 1_000


async def test_worker_that_is_away_gets_no_more_than_the_schedules_give(
    clock: VirtualClock,
) -> None:
    """A missed start deadline does not keep jobs of no use for ever."""
    async with AsyncScheduler(clock=clock, role=SchedulerRole.scheduler) as scheduler:
        await scheduler.add_schedule(note, IntervalTrigger(seconds=1), misfire_grace_time=60)
        await scheduler.start_in_background()
        await clock.advance(timedelta(hours=1))
        waiting = await scheduler.get_jobs()

    assert len(waiting) <= 60 + 61  # the grace time, and the pause between two clean-ups
