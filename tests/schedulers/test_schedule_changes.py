"""Schedules that are paused, resumed and updated through the scheduler's interface."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rota import (
    AsyncScheduler,
    CoalescePolicy,
    DateTrigger,
    Schedule,
    ScheduleLookupError,
)
from tests.schedulers._fire_times import MINUTE, SECOND, START, after, every, note, times

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def no_times() -> None:
    times.clear()


class TestPausing:
    async def test_paused_schedule_waits_and_then_coalesces_what_it_missed(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, every(10), id="a", paused=True)
        await clock.advance(35)
        assert times == []

        await scheduler.unpause_schedule("a")
        await clock.advance(10)
        assert times == after(30, 40)

    async def test_pausing_again_and_again_changes_nothing(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, every(10), id="a")
        for _ in range(2):
            await scheduler.pause_schedule("a")
        await clock.advance(35)

        assert (await scheduler.get_schedule("a")).paused
        assert times == []

    async def test_resuming_from_now_leaves_out_what_was_missed(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, every(10), id="a", paused=True)
        await clock.advance(35)
        await scheduler.unpause_schedule("a", resume_from="now")
        await clock.advance(10)

        assert times == after(40)

    async def test_resuming_from_a_time_leaves_out_what_was_before_it(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(
            note, every(10), id="a", paused=True, coalesce=CoalescePolicy.all
        )
        await clock.advance(35)
        await scheduler.unpause_schedule("a", resume_from=START + 20 * SECOND)
        await clock.advance(0)

        assert times == after(20, 30)

    async def test_resuming_after_the_last_fire_time_ends_the_schedule(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, DateTrigger(START), id="a", paused=True)
        await clock.advance(35)
        await scheduler.unpause_schedule("a", resume_from="now")

        assert await scheduler.get_schedules() == []

    @pytest.mark.parametrize("method", ["pause_schedule", "unpause_schedule", "update_schedule"])
    async def test_unknown_schedule_raises(self, scheduler: AsyncScheduler, method: str) -> None:
        with pytest.raises(ScheduleLookupError, match="'a'"):
            await getattr(scheduler, method)("a")


class TestUpdating:
    async def test_what_is_not_given_stays(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, every(60), id="a", priority=3, args=())
        await clock.advance(1)
        before = await scheduler.get_schedule("a")
        updated = await scheduler.update_schedule("a", metadata={"k": "v"}, misfire_grace_time=5)
        schedule = await scheduler.get_schedule("a")

        assert schedule == updated
        assert schedule.metadata == {"k": "v"}
        assert schedule.misfire_grace_time == timedelta(seconds=5)
        assert (schedule.priority, schedule.trigger) == (3, before.trigger)
        assert schedule.next_fire_time == before.next_fire_time == START + MINUTE
        assert schedule.last_fire_time == START

    async def test_new_trigger_does_not_repeat_what_has_fired(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, every(60), id="a")
        await clock.advance(61)
        await scheduler.update_schedule("a", trigger=every(20))
        await clock.advance(60)

        assert times == after(0, 60, 80, 100, 120)

    async def test_change_is_made_again_if_the_schedule_fires_in_between(
        self, scheduler: AsyncScheduler, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A token that is no longer current makes the store refuse; nothing of the firing is lost."""
        await scheduler.add_schedule(note, every(10), id="a")
        await clock.advance(1)
        update = scheduler.data_store.update_schedule
        refused: list[Schedule] = []

        async def update_late(schedule: Schedule) -> bool:
            if not refused:
                await clock.advance(10)
            done = await update(schedule)
            if not done:
                refused.append(schedule)
            return done

        monkeypatch.setattr(
            type(scheduler.data_store), "update_schedule", lambda _, s: update_late(s)
        )
        await scheduler.update_schedule("a", metadata={"k": 1})
        schedule = await scheduler.get_schedule("a")

        assert len(refused) == 1
        assert schedule.metadata == {"k": 1}
        assert (schedule.last_fire_time, schedule.next_fire_time) == tuple(after(10, 20))
