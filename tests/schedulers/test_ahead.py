"""Schedules are claimed shortly before they are due; what happens to them in between counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, evolve

from rota import (
    AsyncScheduler,
    ConflictPolicy,
    FireTimeSkipped,
    IntervalTrigger,
    OverlapPolicy,
    SchedulerRole,
)
from rota._environment import current_clock
from rota.abc import Trigger
from rota.datastores.memory import MemoryDataStore
from rota.schedulers._schedule_loop import AHEAD, SCHEDULES_HELD
from tests.schedulers._runs import DUE, HALF, SECOND, START, Runs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def runs(clock: VirtualClock) -> Runs:
    return Runs(clock)


@pytest.fixture
def store() -> MemoryDataStore:
    return MemoryDataStore()


@pytest.fixture
async def scheduler(
    store: MemoryDataStore, clock: VirtualClock, runs: Runs
) -> AsyncIterator[AsyncScheduler]:
    """Run a scheduler with one schedule that is due every 10 seconds, beginning at `DUE`."""
    async with AsyncScheduler(store, clock=clock) as scheduler:
        await scheduler.add_schedule(runs.work, IntervalTrigger(seconds=10, start_time=DUE), id="s")
        await scheduler.start_in_background()
        yield scheduler


async def go_between_claim_and_due(scheduler: AsyncScheduler, clock: VirtualClock) -> None:
    """Let time pass until the schedule has been claimed and is not due yet."""
    await clock.advance(DUE - HALF - clock.now())
    assert (await scheduler.get_schedule("s")).acquired_by is not None


async def test_schedule_is_claimed_before_it_is_due_and_fires_when_it_is(
    scheduler: AsyncScheduler, clock: VirtualClock, runs: Runs
) -> None:
    await clock.advance(10 * SECOND - AHEAD - timedelta(milliseconds=1))
    assert (await scheduler.get_schedule("s")).acquired_by is None
    await go_between_claim_and_due(scheduler, clock)
    await clock.advance(HALF - timedelta(milliseconds=1))
    assert runs == []
    assert await scheduler.get_jobs() == []
    await clock.advance(10 * SECOND)
    assert runs == [(DUE, DUE)]


async def pause(scheduler: AsyncScheduler, _runs: Runs) -> None:
    await scheduler.pause_schedule("s")


async def remove(scheduler: AsyncScheduler, _runs: Runs) -> None:
    await scheduler.remove_schedule("s")


async def replace(scheduler: AsyncScheduler, runs: Runs) -> None:
    later = IntervalTrigger(hours=1, start_time=DUE + 3600 * SECOND)
    await scheduler.add_schedule(runs.work, later, id="s", conflict_policy=ConflictPolicy.replace)


@pytest.mark.parametrize("change", [pause, remove, replace])
async def test_schedule_that_is_changed_meanwhile_does_not_fire(
    scheduler: AsyncScheduler, clock: VirtualClock, runs: Runs, change: Callable[..., object]
) -> None:
    await go_between_claim_and_due(scheduler, clock)
    await change(scheduler, runs)  # type: ignore[misc]
    await clock.advance(60 * SECOND)
    assert runs == []
    assert await scheduler.get_jobs() == []


async def test_schedule_that_is_added_meanwhile_fires_on_time(
    scheduler: AsyncScheduler, clock: VirtualClock, runs: Runs
) -> None:
    await go_between_claim_and_due(scheduler, clock)
    soon = clock.now() + HALF / 3
    await scheduler.add_schedule(runs.work, IntervalTrigger(hours=1, start_time=soon))
    await clock.advance(SECOND)
    assert runs == [(soon, soon), (DUE, DUE)]


async def test_schedules_that_are_claimed_together_fire_each_when_it_is_due(
    scheduler: AsyncScheduler, clock: VirtualClock, runs: Runs
) -> None:
    times = [DUE + timedelta(milliseconds=n) for n in (7, 40, 41, 90, 149)]
    for time in times:
        await scheduler.add_schedule(runs.work, IntervalTrigger(hours=1, start_time=time))
    await clock.advance(11 * SECOND)
    assert runs == [(time, time) for time in [DUE, *times]]


async def test_schedule_that_is_due_often_in_that_time_fires_each_time(
    scheduler: AsyncScheduler, clock: VirtualClock, runs: Runs
) -> None:
    await scheduler.remove_schedule("s")
    every = timedelta(milliseconds=20)
    trigger = IntervalTrigger(microseconds=20_000, start_time=START + SECOND)
    await scheduler.add_schedule(runs.work, trigger)
    await clock.advance(SECOND + 99 * every)
    assert runs == [(time, time) for time in (START + SECOND + n * every for n in range(100))]


async def test_job_that_ends_meanwhile_is_not_overlapped(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    started: list[datetime] = []
    skipped: list[FireTimeSkipped] = []
    scheduler.subscribe(skipped.append, FireTimeSkipped)

    async def long() -> None:
        started.append(clock.now())
        await clock.sleep((10 * SECOND - HALF).total_seconds())

    await scheduler.add_schedule(
        long,
        IntervalTrigger(seconds=10, start_time=DUE),
        id="s",
        overlap=OverlapPolicy.skip,
        conflict_policy=ConflictPolicy.replace,
    )
    await clock.advance(29.99)
    assert (started, skipped) == ([DUE, DUE + 10 * SECOND], [])


async def test_what_is_overdue_is_coalesced_as_of_now(
    scheduler: AsyncScheduler, clock: VirtualClock, runs: Runs
) -> None:
    await scheduler.pause_schedule("s")
    await clock.advance(35 * SECOND)
    await scheduler.unpause_schedule("s")
    await clock.advance(SECOND)
    assert runs == [(START + 35 * SECOND, START + 30 * SECOND)]


@define
class EveryTenSeconds(Trigger):
    """A trigger of a user, whose state is its own."""

    count: int = 0

    def next(self) -> datetime:
        """Return the next fire time."""
        self.count += 1
        return START + 10 * self.count * SECOND

    def __getstate__(self) -> dict[str, int]:
        return {"count": self.count}

    def __setstate__(self, state: dict[str, int]) -> None:
        self.count = state["count"]


@pytest.mark.parametrize(
    "trigger",
    [IntervalTrigger(seconds=10, start_time=DUE), EveryTenSeconds()],
    ids=["built-in", "user"],
)
@pytest.mark.parametrize("role", [SchedulerRole.both, SchedulerRole.scheduler])
async def test_scheduler_that_stops_hands_back_what_it_has_claimed(
    store: MemoryDataStore, clock: VirtualClock, runs: Runs, trigger: Trigger, role: SchedulerRole
) -> None:
    """The other one fires on time; it does not wait for a lease to run out."""
    async with AsyncScheduler(store, clock=clock) as other:
        async with AsyncScheduler(store, clock=clock, role=role) as first:
            await first.add_schedule(runs.work, trigger, id="s")
            await first.start_in_background()
            await go_between_claim_and_due(first, clock)
        stored = await other.get_schedule("s")
        assert (stored.acquired_by, stored.next_fire_time, stored.last_fire_time) == (
            None,
            DUE,
            None,
        )
        await other.start_in_background()
        await clock.advance(25 * SECOND)
    assert runs == [(time, time) for time in (DUE, DUE + 10 * SECOND, DUE + 20 * SECOND)]


async def test_other_scheduler_hears_of_what_is_handed_back(
    store: MemoryDataStore, clock: VirtualClock, runs: Runs
) -> None:
    async with AsyncScheduler(store, clock=clock) as other:
        async with AsyncScheduler(store, clock=clock) as first:
            await first.add_schedule(runs.work, IntervalTrigger(seconds=10, start_time=DUE), id="s")
            await first.start_in_background()
            await go_between_claim_and_due(first, clock)
            await other.start_in_background()
        await clock.advance(SECOND)
    assert runs == [(DUE, DUE)]


async def test_job_is_not_cancelled_for_a_fire_time_that_was_called_off(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    finished: list[datetime] = []

    async def long() -> None:
        await clock.sleep(12)
        finished.append(clock.now())

    await scheduler.add_schedule(
        long,
        IntervalTrigger(seconds=10, start_time=DUE),
        id="s",
        overlap=OverlapPolicy.cancel_other,
        conflict_policy=ConflictPolicy.replace,
    )
    await clock.advance(20 * SECOND - HALF)
    await scheduler.pause_schedule("s")
    await clock.advance(10 * SECOND)
    assert finished == [DUE + 12 * SECOND]


@define
class SecondFromNow(Trigger):
    """A trigger of a user that reads the clock."""

    def next(self) -> datetime:
        """Return when a second has passed."""
        return current_clock().now() + SECOND

    def __getstate__(self) -> None:
        return None

    def __setstate__(self, state: None) -> None:
        pass


async def test_trigger_that_reads_the_clock_is_asked_when_it_is_due(
    scheduler: AsyncScheduler, clock: VirtualClock, runs: Runs
) -> None:
    await scheduler.remove_schedule("s")
    await scheduler.add_schedule(runs.work, SecondFromNow())
    await clock.advance(10 * SECOND)
    assert runs == [(time, time) for time in (START + n * SECOND for n in range(1, 11))]


class SlowStore(MemoryDataStore):
    """A data store that takes a second to record what has fired."""

    async def release_schedules(self, *args: Any) -> set[str]:
        """Take a second, and release them."""
        await current_clock().sleep(1)
        return await super().release_schedules(*args)


async def test_scheduler_that_stops_finishes_what_is_due(clock: VirtualClock, runs: Runs) -> None:
    """Otherwise nobody would know of the fire time before the lease ends."""
    store = SlowStore()
    async with AsyncScheduler(store, clock=clock) as observer:
        async with AsyncScheduler(store, clock=clock, role=SchedulerRole.scheduler) as first:
            await first.add_schedule(runs.work, IntervalTrigger(seconds=10, start_time=DUE), id="s")
            await first.start_in_background()
            await clock.advance(DUE + HALF - clock.now())
            await first.stop()
            await clock.advance(SECOND)
        stored = await observer.get_schedule("s")
        assert (stored.acquired_by, stored.last_fire_time) == (None, DUE)
        assert len(await observer.get_jobs()) == 1


async def test_no_more_are_held_than_a_bound(
    scheduler: AsyncScheduler, store: MemoryDataStore, clock: VirtualClock, runs: Runs
) -> None:
    """The others can be claimed by other schedulers, or when those have fired."""
    template = await scheduler.get_schedule("s")
    await scheduler.remove_schedule("s")
    many = [evolve(template, id=f"{n}") for n in range(SCHEDULES_HELD + 1000)]
    await store.add_schedules(many, ConflictPolicy.exception)
    await clock.advance(DUE - HALF - clock.now())
    held = sum(schedule.acquired_by is not None for schedule in await scheduler.get_schedules())
    assert held == SCHEDULES_HELD
    await clock.advance(SECOND)
    assert len(runs) == len(many)


async def test_short_lease_is_claimed_a_short_time_ahead(clock: VirtualClock, runs: Runs) -> None:
    """A claim must not run out before its schedule is due."""
    async with AsyncScheduler(clock=clock, lease_duration=0.2) as scheduler:
        await scheduler.add_schedule(runs.work, IntervalTrigger(seconds=10, start_time=DUE), id="s")
        await scheduler.start_in_background()
        await clock.advance(DUE - clock.now() - timedelta(milliseconds=11))
        assert (await scheduler.get_schedule("s")).acquired_by is None
        await clock.advance(25 * SECOND)
    assert runs == [(time, time) for time in (DUE, DUE + 10 * SECOND, DUE + 20 * SECOND)]
