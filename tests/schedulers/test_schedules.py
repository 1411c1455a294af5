"""Schedules through the scheduler's interface: adding, removing, and when they fire."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from rota import (
    AsyncScheduler,
    CoalescePolicy,
    ConflictingIdError,
    ConflictPolicy,
    CronTrigger,
    DateTrigger,
    JobExecutorLookupError,
    ScheduleLookupError,
    TaskDefaults,
    TaskLookupError,
    current_job,
)
from tests.schedulers._fire_times import MINUTE, SECOND, START, after, every, note, times

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def no_times() -> None:
    times.clear()


async def other() -> None:
    raise AssertionError("not meant to run")


class TestFiring:
    async def test_job_runs_at_each_fire_time(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        seen = []

        async def look() -> None:
            seen.append(clock.now())

        await scheduler.add_schedule(look, every(90))
        await clock.advance(5 * MINUTE)

        assert seen == after(0, 90, 180, 270)

    async def test_schedule_added_while_the_scheduler_sleeps_is_not_late(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, DateTrigger(START + 30 * SECOND))
        await clock.advance(10)
        await scheduler.add_schedule(note, DateTrigger(START + 20 * SECOND))
        await clock.advance(10)

        assert times == after(20)

    async def test_schedule_disappears_after_its_last_fire_time(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, DateTrigger(START + SECOND))
        await clock.advance(2)

        assert await scheduler.get_schedules() == []
        assert times == after(1)

    async def test_many_schedules_due_together_all_fire(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.configure_task(note, max_running_jobs=None)
        await scheduler.add_schedules(
            {"func_or_task_id": note, "trigger": DateTrigger(START + SECOND)} for _ in range(700)
        )
        await clock.advance(1)

        assert times == after(1) * 700

    async def test_week_of_cron_fires_as_the_trigger_says(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        trigger = CronTrigger.from_crontab("0 */6 * * 1-5", start_time=START, timezone="UTC")
        await scheduler.add_schedule(note, trigger)
        await clock.advance(timedelta(days=7))

        assert times == [t for t in trigger.preview(30) if t <= START + timedelta(days=7)]
        assert len(times) == 5 * 4 + 1  # the end is included

    @pytest.mark.parametrize(
        ("policy", "expected"),
        [
            (CoalescePolicy.earliest, after(0, 6)),
            (CoalescePolicy.latest, after(5, 6)),
            (CoalescePolicy.all, after(0, 1, 2, 3, 4, 5, 6)),
        ],
        ids=lambda value: value.name if isinstance(value, CoalescePolicy) else "",
    )
    async def test_missed_fire_times_are_coalesced_as_told(
        self, clock: VirtualClock, policy: CoalescePolicy, expected: list[datetime]
    ) -> None:
        async with AsyncScheduler(clock=clock) as scheduler:
            await scheduler.add_schedule(note, every(1), coalesce=policy)
            await clock.advance(5.5)
            await scheduler.start_in_background()
            await clock.advance(1)

        assert times == expected

    async def test_jitter_delays_jobs_and_keeps_them_in_order(self, clock: VirtualClock) -> None:
        started = []

        async def look() -> None:
            started.append((clock.now(), current_job.get().original_scheduled_time))

        async with AsyncScheduler(clock=clock, random=Random(3)) as scheduler:
            await scheduler.add_schedule(look, every(10), max_jitter=60)
            await scheduler.start_in_background()
            await clock.advance(MINUTE)

        delays = [ran - nominal for ran, nominal in started if nominal is not None]
        assert len(delays) == 6
        assert all(timedelta(0) <= delay < 10 * SECOND for delay in delays)
        assert len(set(delays)) == 6


class TestAdding:
    async def test_id_is_made_up_if_none_is_given(self, scheduler: AsyncScheduler) -> None:
        first = await scheduler.add_schedule(note, every(1))
        second = await scheduler.add_schedule(note, every(1))

        assert first != second
        assert {s.id for s in await scheduler.get_schedules()} == {first, second}

    async def test_taken_id_is_left_alone_by_default(self, scheduler: AsyncScheduler) -> None:
        await scheduler.add_schedule(note, every(60), id="a", args=[1])
        await scheduler.add_schedule(note, every(60), id="a", args=[2])

        assert (await scheduler.get_schedule("a")).args == (1,)

    async def test_taken_id_raises_if_that_is_asked_for(self, scheduler: AsyncScheduler) -> None:
        await scheduler.add_schedule(note, every(60), id="a")
        with pytest.raises(ConflictingIdError, match="'a'"):
            await scheduler.add_schedule(
                note, every(60), id="a", conflict_policy=ConflictPolicy.exception
            )

    async def test_replacing_with_the_same_trigger_keeps_the_fire_times(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, every(60), id="a")
        await clock.advance(90)
        await scheduler.add_schedule(
            note, every(60), id="a", metadata={"new": 1}, conflict_policy=ConflictPolicy.replace
        )
        schedule = await scheduler.get_schedule("a")

        assert schedule.metadata == {"new": 1}
        assert (schedule.last_fire_time, schedule.next_fire_time) == tuple(after(60, 120))
        await clock.advance(30)
        assert times == after(0, 60, 120)

    async def test_replacing_with_another_trigger_begins_anew(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, every(60), id="a")
        await clock.advance(1)
        await scheduler.add_schedule(
            note,
            every(7, START + 2 * SECOND),
            id="a",
            conflict_policy=ConflictPolicy.replace,
        )
        await clock.advance(10)

        assert times == after(0, 2, 9)

    async def test_trigger_of_the_caller_is_not_moved(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        trigger = every(60)
        await scheduler.add_schedule(note, trigger)
        await scheduler.add_schedule(note, trigger)
        await clock.advance(1)

        assert times == after(0, 0)
        assert trigger.next() == START

    async def test_settings_are_inherited_from_defaults_task_and_schedule(
        self, clock: VirtualClock
    ) -> None:
        defaults = TaskDefaults(
            misfire_grace_time=100, metadata={"from": "defaults", "defaults": True}
        )
        async with AsyncScheduler(clock=clock, task_defaults=defaults) as scheduler:
            await scheduler.configure_task(
                note, job_executor="threadpool", metadata={"from": "task", "task": True}
            )
            await scheduler.add_schedule(note, every(60), id="plain")
            await scheduler.add_schedule(
                note,
                every(60),
                id="own",
                job_executor="async",
                misfire_grace_time=None,
                metadata={"from": "schedule"},
            )
            own, plain = await scheduler.get_schedules()

        assert plain.job_executor == "threadpool"
        assert plain.misfire_grace_time == timedelta(seconds=100)
        assert plain.metadata == {"from": "task", "task": True, "defaults": True}
        assert own.job_executor == "async"
        assert own.misfire_grace_time is None
        assert own.metadata == {"from": "schedule", "task": True, "defaults": True}

    async def test_max_instances_raises_the_limit_of_the_task_and_never_lowers_it(
        self, scheduler: AsyncScheduler
    ) -> None:
        await scheduler.add_schedule(note, every(60), max_instances=3)
        await scheduler.add_schedule(note, every(60), max_instances=2)

        (task,) = await scheduler.get_tasks()
        assert task.max_running_jobs == 3

    async def test_unknown_executor_is_refused(self, scheduler: AsyncScheduler) -> None:
        with pytest.raises(
            JobExecutorLookupError,
            match="no job executor by the name of 'gpu'; there are: async, threadpool, processpool",
        ):
            await scheduler.add_schedule(note, every(60), job_executor="gpu")
        assert await scheduler.get_schedules() == []

    async def test_unknown_task_is_refused(self, scheduler: AsyncScheduler) -> None:
        with pytest.raises(TaskLookupError, match="'nothing'"):
            await scheduler.add_schedule("nothing", every(60))

    async def test_trigger_that_never_fires_is_warned_of(
        self, scheduler: AsyncScheduler, caplog: pytest.LogCaptureFixture
    ) -> None:
        never = CronTrigger.from_crontab("0 0 31 2 *", start_time=START, timezone="UTC")
        await scheduler.add_schedule(note, never, id="never")

        assert "schedule 'never' will never fire" in caplog.text

    async def test_scheduler_that_is_not_open_says_what_to_do(self, clock: VirtualClock) -> None:
        with pytest.raises(RuntimeError, match="use it as a context manager"):
            await AsyncScheduler(clock=clock).add_schedule(note, every(60))


class TestAsking:
    async def test_empty_set_of_ids_is_no_schedule(self, scheduler: AsyncScheduler) -> None:
        await scheduler.add_schedule(note, every(60), id="a")

        assert await scheduler.get_schedules(set()) == []
        assert [s.id for s in await scheduler.get_schedules()] == ["a"]

    async def test_unknown_id_raises(self, scheduler: AsyncScheduler) -> None:
        with pytest.raises(ScheduleLookupError, match="'a'"):
            await scheduler.get_schedule("a")


class TestRemoving:
    async def test_removed_schedule_fires_no_more(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, every(10), id="a")
        await clock.advance(15)
        await scheduler.remove_schedule("a")
        await clock.advance(60)

        assert times == after(0, 10)

    async def test_removing_what_does_not_exist_is_nothing(self, scheduler: AsyncScheduler) -> None:
        await scheduler.remove_schedule("a")
        assert await scheduler.get_schedules() == []

    async def test_running_job_survives_its_schedule(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        done = []

        async def long() -> None:
            await clock.sleep(10)
            done.append(clock.now())

        await scheduler.add_schedule(long, every(60), id="a")
        await clock.advance(1)
        await scheduler.remove_schedule("a")
        await clock.advance(10)

        assert done == after(10)
