"""What is asleep costs nothing: wake-ups are counted, not seconds."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from rota import AsyncScheduler, CronTrigger, IntervalTrigger
from rota.datastores.memory import MemoryDataStore

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
HOURS = 24


async def nothing() -> None:
    """Do nothing."""


class CountingStore(MemoryDataStore):
    """Counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    async def acquire_schedules(self, *args: Any) -> Any:
        self.calls["acquire_schedules"] += 1
        return await super().acquire_schedules(*args)

    async def time_to_next_schedule(self) -> Any:
        self.calls["time_to_next_schedule"] += 1
        return await super().time_to_next_schedule()

    async def acquire_jobs(self, *args: Any) -> Any:
        self.calls["acquire_jobs"] += 1
        return await super().acquire_jobs(*args)

    async def time_to_next_job(self, *args: Any) -> Any:
        self.calls["time_to_next_job"] += 1
        return await super().time_to_next_job(*args)

    async def extend_leases(self, *args: Any) -> Any:
        self.calls["extend_leases"] += 1
        return await super().extend_leases(*args)


async def calls_in_a_day(clock: VirtualClock, *, paused: bool, schedules: int = 100) -> int:
    store = CountingStore()
    async with AsyncScheduler(store, clock=clock) as scheduler:
        await scheduler.add_schedules(
            {
                "func_or_task_id": nothing,
                "trigger": IntervalTrigger(seconds=1) if paused else CronTrigger(year=2030),
                "paused": paused,
            }
            for _ in range(schedules)
        )
        await clock.advance(60)  # the paused ones are overdue
        await scheduler.start_in_background()
        await clock.advance(1)
        store.calls.clear()
        await clock.advance(timedelta(hours=HOURS))
    return store.calls.total() if hasattr(store.calls, "total") else sum(store.calls.values())


@pytest.mark.parametrize("paused", [True, False], ids=["paused-and-overdue", "due-in-years"])
async def test_sleeping_scheduler_looks_once_a_polling_interval(
    clock: VirtualClock, paused: bool
) -> None:
    """Two loops ask at most two things each, every minute."""
    assert await calls_in_a_day(clock, paused=paused) <= 4 * 60 * HOURS


async def test_cost_of_sleep_does_not_depend_on_how_much_sleeps(clock: VirtualClock) -> None:
    few = await calls_in_a_day(clock, paused=True, schedules=1)
    many = await calls_in_a_day(clock, paused=True, schedules=1_000)

    assert few == many


async def test_running_job_costs_three_renewals_a_lease(clock: VirtualClock) -> None:
    store = CountingStore()

    async def long() -> None:
        await clock.sleep(300)

    async with AsyncScheduler(store, clock=clock) as scheduler:
        await scheduler.start_in_background()
        await scheduler.add_job(long)
        await clock.advance(301)

    assert 300 / 10 - 1 <= store.calls["extend_leases"] <= 300 / 10 + 10


async def test_empty_set_of_ids_is_no_schedule(scheduler: AsyncScheduler) -> None:
    await scheduler.add_schedule(nothing, IntervalTrigger(hours=1))

    assert await scheduler.get_schedules(set()) == []
    assert await scheduler.get_schedules([]) == []
