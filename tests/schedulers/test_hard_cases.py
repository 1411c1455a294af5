"""What stops, silences or confuses schedulers elsewhere, and must not here."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from rota import (
    AsyncJobExecutor,
    AsyncScheduler,
    CoalescePolicy,
    ConflictPolicy,
    DateTrigger,
    Event,
    IntervalTrigger,
    JobExecutorLookupError,
    JobOutcome,
    JobReleased,
    MemoryDataStore,
    ScheduleAdded,
    ScheduleFailed,
    ScheduleRemoved,
    SchedulerRole,
    current_job,
)
from rota.abc import Trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rota import ScheduleResult
    from rota.abc import JobExecutor
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

ran: list[tuple[str | None, datetime | None]] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


async def note() -> None:
    job = current_job.get()
    ran.append((job.schedule_id, job.original_scheduled_time))


def every(seconds: float) -> IntervalTrigger:
    return IntervalTrigger(seconds=seconds, start_time=START)


class BrokenTrigger(Trigger):
    """Gives one fire time; asked for the next, it raises."""

    def __init__(self) -> None:
        self.asked = 0

    def next(self) -> datetime:
        self.asked += 1
        if self.asked > 1:
            raise ZeroDivisionError("this trigger is broken")
        return START + SECOND


class TestTriggersThatRaise:
    @pytest.mark.parametrize("broken", ["a", "b", "c"], ids=["first", "middle", "last"])
    async def test_only_its_own_schedule_is_set_aside(
        self, scheduler: AsyncScheduler, clock: VirtualClock, broken: str
    ) -> None:
        """Its neighbours in the batch fire on time, with their own fire times."""
        failed: list[ScheduleFailed] = []
        scheduler.subscribe(failed.append, ScheduleFailed)
        await scheduler.configure_task(note, max_running_jobs=None)
        triggers = {"a": every(1), "b": every(2), "c": every(3)}
        for id_, trigger in triggers.items():
            await scheduler.add_schedule(
                note, BrokenTrigger() if id_ == broken else trigger, id=id_
            )
        await clock.advance(7)

        for id_, trigger in triggers.items():
            if id_ != broken:
                times = [time for schedule_id, time in ran if schedule_id == id_]
                expected = [t for t in trigger.preview(10) if t <= START + 7 * SECOND]
                assert times == expected
        schedule = await scheduler.get_schedule(broken)
        assert schedule.error == "ZeroDivisionError: this trigger is broken"
        assert [event.schedule_id for event in failed] == [broken]

    async def test_schedule_set_aside_goes_on_after_it_was_unpaused(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, BrokenTrigger(), id="a")
        await clock.advance(2)
        assert ran == []
        await scheduler.update_schedule("a", trigger=every(5))
        await clock.advance(10)

        assert [time for _, time in ran] == [START + n * SECOND for n in (0, 5, 10)]

    async def test_trigger_that_raises_at_once_is_the_caller_s_error(
        self, scheduler: AsyncScheduler
    ) -> None:
        trigger = BrokenTrigger()
        trigger.next()
        with pytest.raises(ZeroDivisionError, match="broken"):
            await scheduler.add_schedule(note, trigger)
        assert await scheduler.get_schedules() == []


class TestJobsThatChangeTheirSchedule:
    async def test_job_removes_its_schedule(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def act() -> None:
            await note()
            await scheduler.remove_schedule("own")

        await scheduler.add_schedule(act, every(10), id="own")
        await clock.advance(60)

        assert ran == [("own", START)]
        assert await scheduler.get_schedules() == []

    async def test_job_replaces_its_schedule(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def act() -> None:
            await note()
            await scheduler.add_schedule(
                note, every(25), id="own", conflict_policy=ConflictPolicy.replace
            )

        await scheduler.add_schedule(act, every(10), id="own")
        await clock.advance(60)

        assert [time for _, time in ran] == [START + n * SECOND for n in (0, 0, 25, 50)]
        assert [schedule.id for schedule in await scheduler.get_schedules()] == ["own"]

    async def test_job_pauses_its_schedule(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def act() -> None:
            await note()
            await scheduler.pause_schedule("own")

        await scheduler.add_schedule(act, every(10), id="own")
        await clock.advance(60)

        assert ran == [("own", START)]
        assert (await scheduler.get_schedule("own")).paused


class MeddlingStore(MemoryDataStore):
    """Removes or pauses what a scheduler is just processing, before it is released."""

    def __init__(self, meddle: str) -> None:
        super().__init__()
        self.meddle = meddle

    async def release_schedules(
        self, scheduler_id: str, results: Sequence[ScheduleResult]
    ) -> set[str]:
        if self.meddle == "remove":
            await self.remove_schedules({"meddled"})
        return await super().release_schedules(scheduler_id, results)


async def test_schedule_removed_while_it_is_processed_is_gone(clock: VirtualClock) -> None:
    store = MeddlingStore("remove")
    async with AsyncScheduler(store, clock=clock) as scheduler:
        await scheduler.add_schedule(note, every(10), id="kept")
        await scheduler.add_schedule(note, every(10), id="meddled")
        await scheduler.configure_task(note, max_running_jobs=None)
        await scheduler.start_in_background()
        await clock.advance(25)
        assert {id_ for id_, _ in ran} == {"kept"}
        assert len(ran) == 3
        assert await store.get_schedules({"meddled"}) == []


class CountingStore(MemoryDataStore):
    """Counts how often it is asked for work."""

    asked = 0

    async def acquire_schedules(self, *args: Any) -> Any:
        self.asked += 1
        return await super().acquire_schedules(*args)

    async def acquire_jobs(self, *args: Any) -> Any:
        self.asked += 1
        return await super().acquire_jobs(*args)


async def test_paused_overdue_schedule_does_not_keep_the_scheduler_busy(
    clock: VirtualClock,
) -> None:
    """In an hour of virtual time it is asked once a polling interval, not without end."""
    store = CountingStore()
    async with AsyncScheduler(store, clock=clock) as scheduler:
        await scheduler.add_schedule(note, DateTrigger(START), id="overdue", paused=True)
        await clock.advance(60)
        await scheduler.start_in_background()
        await clock.advance(3600)
        assert store.asked <= 2 * 60 + 4
        assert ran == []


async def test_idle_scheduler_sleeps(clock: VirtualClock) -> None:
    store = CountingStore()
    async with AsyncScheduler(store, clock=clock) as scheduler:
        await scheduler.start_in_background()
        await clock.advance(DAY)
        assert store.asked <= 2 * 24 * 60 + 4


class TestUnknownExecutors:
    async def test_schedule_is_refused_where_it_is_added(self, scheduler: AsyncScheduler) -> None:
        with pytest.raises(JobExecutorLookupError, match="gpu"):
            await scheduler.add_schedule(note, every(1), job_executor="gpu")

    async def test_job_of_another_node_ends_as_an_error_that_names_it(
        self, clock: VirtualClock
    ) -> None:
        """It is recorded at once, and does not wait for a lease to run out."""
        store = MemoryDataStore()
        executors: dict[str, JobExecutor] = {"async": AsyncJobExecutor(), "gpu": AsyncJobExecutor()}
        async with (
            AsyncScheduler(store, clock=clock, job_executors=executors, identity="adds") as adding,
            AsyncScheduler(store, clock=clock, role=SchedulerRole.worker) as worker,
        ):
            await worker.start_in_background()
            released: list[JobReleased] = []
            worker.subscribe(released.append, JobReleased)
            job_id = await adding.add_job(note, job_executor="gpu", result_expiration_time=60)
            with clock.autojump():
                result = await adding.get_job_result(job_id)
            assert result is not None
            assert result.outcome is JobOutcome.error
            assert isinstance(result.exception, JobExecutorLookupError)
            assert "gpu" in str(result.exception)


async def test_empty_set_of_ids_is_nothing(scheduler: AsyncScheduler) -> None:
    await scheduler.add_schedule(note, every(3600), id="a")
    assert await scheduler.get_schedules(set()) == []


class UnpicklableError(Exception):
    def __init__(self) -> None:
        super().__init__("cannot be pickled")
        self.lock = threading.Lock()


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class TestExceptionsOfJobs:
    @pytest.mark.parametrize(
        "exception",
        [UnpicklableError(), UnprintableError(), ValueError("x" * 1_000_000), SystemExit(3)],
        ids=["unpicklable", "unprintable", "megabyte", "system-exit"],
    )
    async def test_any_exception_is_recorded_and_the_next_job_runs(
        self, scheduler: AsyncScheduler, exception: BaseException
    ) -> None:
        events: list[JobReleased] = []
        scheduler.subscribe(events.append, JobReleased)

        async def fail() -> None:
            raise exception

        with pytest.raises(BaseException) as raised:  # noqa: PT011 - which one is the question
            await scheduler.run_job(fail)
        assert type(raised.value).__name__ in (type(exception).__name__, "RemoteJobError")
        await scheduler.run_job(note)
        assert ran == [(None, None)]
        assert [event.outcome for event in events] == [JobOutcome.error, JobOutcome.success]
        assert len(str(events[0].exception_message)) <= 4_200

    async def test_keyboard_interrupt_of_a_job_does_not_stop_the_scheduler(
        self, scheduler: AsyncScheduler
    ) -> None:
        async def interrupt() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await scheduler.run_job(interrupt)
        await scheduler.run_job(note)
        assert ran == [(None, None)]


class TestListeners:
    async def test_listener_that_raises_is_logged_and_others_are_called(
        self,
        scheduler: AsyncScheduler,
        clock: VirtualClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        seen: list[Event] = []

        def fail(_event: Event) -> None:
            raise ValueError("this listener is broken")

        scheduler.subscribe(fail, ScheduleAdded)
        scheduler.subscribe(seen.append, ScheduleAdded)
        await scheduler.add_schedule(note, every(3600))
        await clock.advance(0)

        assert len(seen) == 1
        assert "this listener is broken" in caplog.text

    async def test_listener_may_unsubscribe_in_its_callback(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        seen: list[Event] = []

        def once(event: Event) -> None:
            seen.append(event)
            subscription.unsubscribe()

        subscription = scheduler.subscribe(once, ScheduleAdded)
        for _ in range(3):
            await scheduler.add_schedule(note, every(3600))
        await clock.advance(0)
        assert len(seen) == 1

    async def test_listener_that_blocks_delays_no_job(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        """It waits in virtual time for ever; jobs go on, and others hear of them."""
        seen: list[Event] = []

        async def stuck(_event: Event) -> None:
            await anyio.sleep_forever()

        scheduler.subscribe(seen.append, ScheduleRemoved)
        with scheduler.subscribe(stuck):
            await scheduler.add_schedule(note, DateTrigger(START + SECOND))
            await clock.advance(2)
        assert ran == [(ran[0][0], START + SECOND)]
        assert len(seen) == 1

    async def test_thread_listener_that_blocks_delays_no_job(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        release = threading.Event()
        scheduler.subscribe(lambda _: release.wait(20), ScheduleAdded, is_async=False)
        try:
            await scheduler.add_schedule(note, DateTrigger(START))
            await scheduler.run_job(note)
        finally:
            release.set()
        assert (None, None) in ran


class TestWallClock:
    async def test_set_back_an_hour_repeats_nothing(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, every(60), id="a")
        await clock.advance(300)
        before = [time for _, time in ran]
        clock.set_wall(clock.now() - timedelta(hours=1))
        await clock.advance(3600 + 120)
        times = [time for _, time in ran if time is not None]
        assert times[: len(before)] == before
        assert times == sorted(set(times)), "no fire time twice"
        assert times[-1] == START + 420 * SECOND

    async def test_ten_years_forward_is_coalesced(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(note, every(1), id="a")
        await clock.advance(2.5)
        clock.set_wall(START + 3650 * DAY)
        await clock.advance(62)  # at the latest with the next look
        assert ran[3][1] is not None
        assert ran[3][1] >= START + 3650 * DAY
        assert len(ran) <= 3 + 63

    async def test_suspended_for_eight_hours_runs_what_was_missed_once(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        """While a machine sleeps its monotonic clock stands still, and the wall clock goes on."""
        await scheduler.add_schedule(note, every(3600), id="hourly")
        await clock.advance(1)
        clock.set_wall(clock.now() + timedelta(hours=8, minutes=30))
        await clock.advance(61)
        assert [time for _, time in ran] == [START, START + timedelta(hours=8)]


class TestMissedMonth:
    """A schedule fires every second, and nobody was there for thirty days."""

    MISSED = 30 * DAY

    @pytest.mark.parametrize(
        ("policy", "expected"),
        [(CoalescePolicy.earliest, START), (CoalescePolicy.latest, START + MISSED)],
    )
    async def test_one_job_stands_for_all(
        self, clock: VirtualClock, policy: CoalescePolicy, expected: datetime
    ) -> None:
        async with AsyncScheduler(clock=clock) as scheduler:
            await scheduler.add_schedule(note, every(1), id="a", coalesce=policy)
            await clock.advance(self.MISSED)
            await scheduler.start_in_background()
            await clock.advance(0.5)
        assert ran == [("a", expected)]

    async def test_catch_up_window_bounds_all(self, clock: VirtualClock) -> None:
        async with AsyncScheduler(clock=clock) as scheduler:
            await scheduler.configure_task(note, max_running_jobs=None)
            await scheduler.add_schedule(
                note, every(1), id="a", coalesce=CoalescePolicy.all, catch_up_window=60
            )
            await clock.advance(self.MISSED)
            await scheduler.start_in_background()
            await clock.advance(0.5)
        first = START + self.MISSED - 60 * SECOND
        assert [time for _, time in ran] == [first + n * SECOND for n in range(61)]

    async def test_all_without_a_window_is_made_in_bounded_batches(
        self, clock: VirtualClock
    ) -> None:
        most = 0

        class Watching(MemoryDataStore):
            async def release_schedules(
                self, scheduler_id: str, results: Sequence[ScheduleResult]
            ) -> set[str]:
                nonlocal most
                most = max(most, *(len(result.jobs) for result in results))
                return await super().release_schedules(scheduler_id, results)

        async with AsyncScheduler(Watching(), clock=clock) as scheduler:
            await scheduler.configure_task(note, max_running_jobs=None)
            await scheduler.add_schedule(note, every(60), id="a", coalesce=CoalescePolicy.all)
            await clock.advance(timedelta(days=5))
            await scheduler.start_in_background()
            await clock.advance(0.5)
        times = [time for _, time in ran]
        assert times == [START + timedelta(minutes=n) for n in range(5 * 24 * 60 + 1)]
        assert most <= 1_000


async def test_busy_task_hides_no_other(scheduler: AsyncScheduler, clock: VirtualClock) -> None:
    """A thousand jobs of a task with a limit of one wait; one job of another task starts at once."""
    begun = anyio.Event()

    async def stuck() -> None:
        begun.set()
        await anyio.sleep_forever()

    await scheduler.add_jobs({"func_or_task_id": stuck} for _ in range(1_000))
    await begun.wait()
    await scheduler.run_job(note)
    assert len(ran) == 1
    assert len(await scheduler.get_jobs()) == 1_000
