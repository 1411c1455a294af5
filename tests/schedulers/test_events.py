"""Events as listeners of a scheduler see them, and listeners that behave badly."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from rota import (
    AsyncScheduler,
    DateTrigger,
    Event,
    IntervalTrigger,
    JobAcquired,
    JobAdded,
    JobOutcome,
    JobReleased,
    ScheduleAdded,
    Scheduler,
    ScheduleRemoved,
    SchedulerEvent,
    SchedulerStarted,
    SchedulerStopped,
    ScheduleUpdated,
    Subscription,
    TaskAdded,
)
from tests.schedulers.conftest import every_flavour

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2025, 1, 1, tzinfo=timezone.utc)


async def nothing() -> None:
    """Do nothing."""


def kinds(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


@every_flavour
class TestListening:
    async def test_life_of_a_schedule_and_its_job_is_told_in_order(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        events: list[Any] = []
        scheduler.subscribe(events.append)
        await scheduler.add_schedule(nothing, DateTrigger(START), id="s")
        await clock.advance(1)

        assert kinds(events) == [
            "TaskAdded",
            "ScheduleAdded",
            "JobAdded",
            "ScheduleRemoved",
            "JobAcquired",
            "JobReleased",
        ]
        task, schedule, added, removed, acquired, released = events
        assert isinstance(task, TaskAdded)
        assert isinstance(schedule, ScheduleAdded)
        assert (schedule.schedule_id, schedule.next_fire_time) == ("s", START)
        assert isinstance(removed, ScheduleRemoved)
        assert removed.finished
        assert isinstance(added, JobAdded)
        assert isinstance(acquired, JobAcquired)
        assert isinstance(released, JobReleased)
        assert added.job_id == acquired.job_id == released.job_id
        assert released.scheduler_id.startswith(scheduler.identity)
        assert released.outcome is JobOutcome.success
        assert released.scheduled_start == released.started_at == START

    async def test_only_events_of_the_types_asked_for_arrive_subclasses_included(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        one: list[Any] = []
        base: list[Any] = []
        scheduler.subscribe(one.append, JobReleased)
        scheduler.subscribe(base.append, {SchedulerEvent})
        await scheduler.run_job(nothing)
        await clock.advance(0)

        assert kinds(one) == ["JobReleased"]
        assert kinds(base) == ["JobAcquired", "JobReleased"]

    async def test_what_is_no_class_of_events_is_refused(self, scheduler: AsyncScheduler) -> None:
        with pytest.raises(TypeError, match="event_types must be classes of events, got: "):
            scheduler.subscribe(print, {int})  # type: ignore[type-var]

    @pytest.mark.parametrize("types", [5, "JobAdded"])
    async def test_what_is_no_collection_of_classes_is_refused(
        self, scheduler: AsyncScheduler, types: Any
    ) -> None:
        with pytest.raises(
            TypeError, match=f"^event_types must be classes of events, got: {types!r}$"
        ):
            scheduler.subscribe(print, types)

    async def test_no_types_are_refused_where_they_would_be_waited_for_in_vain(
        self, scheduler: AsyncScheduler
    ) -> None:
        with pytest.raises(ValueError, match=r"^event_types must not be empty$"):
            scheduler.subscribe(print, set())
        with pytest.raises(ValueError, match=r"^event_types must not be empty$"):
            await scheduler.get_next_event(set())

    async def test_one_shot_listener_is_called_once(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        events: list[Any] = []
        scheduler.subscribe(events.append, {JobAdded}, one_shot=True)
        await scheduler.add_jobs({"func_or_task_id": nothing} for _ in range(3))
        await clock.advance(0)

        assert len(events) == 1

    async def test_unsubscribed_listener_is_called_no_more(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        events: list[Any] = []
        with scheduler.subscribe(events.append, {JobAdded}):
            await scheduler.add_job(nothing)
            await clock.advance(0)
        await scheduler.add_job(nothing)
        await clock.advance(0)

        assert len(events) == 1

    async def test_listener_may_unsubscribe_within_its_call(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        events: list[Any] = []

        def listen(event: Event) -> None:
            events.append(event)
            subscription.unsubscribe()

        subscription: Subscription = scheduler.subscribe(listen, {JobAdded})
        await scheduler.add_jobs({"func_or_task_id": nothing} for _ in range(5))
        await clock.advance(1)

        assert len(events) == 1
        assert await scheduler.get_jobs() == []

    async def test_listener_that_raises_is_logged_and_harms_nobody(
        self, scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        events: list[Any] = []

        def bad(event: Event) -> None:
            raise ValueError("bad listener")

        scheduler.subscribe(bad)
        scheduler.subscribe(events.append, {JobReleased})
        for _ in range(3):
            await scheduler.run_job(nothing)
        await clock.advance(0)

        assert len(events) == 3
        assert "bad listener" in caplog.text


class TestAsynchronous:
    async def test_coroutine_function_is_awaited(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        events: list[Any] = []

        async def listen(event: Event) -> None:
            await clock.sleep(1)
            events.append(event)

        scheduler.subscribe(listen, {JobReleased})
        await scheduler.run_job(nothing)
        await clock.advance(1)

        assert kinds(events) == ["JobReleased"]

    async def test_listener_that_never_returns_delays_no_job(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        seen: list[Event] = []

        async def stuck(event: Event) -> None:
            await clock.sleep(10**9)

        scheduler.subscribe(stuck)
        scheduler.subscribe(seen.append, {JobReleased})
        await scheduler.add_schedule(nothing, IntervalTrigger(seconds=1, start_time=START))
        await clock.advance(60)

        assert len(seen) == 61

    async def test_listener_that_blocks_its_thread_delays_no_job(
        self, scheduler: AsyncScheduler
    ) -> None:
        go_on = threading.Event()
        scheduler.subscribe(lambda _: go_on.wait(20), is_async=False)
        try:
            for _ in range(5):
                await scheduler.run_job(nothing)
        finally:
            go_on.set()

    async def test_event_storm_on_a_stuck_listener_is_bounded_and_counted(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def stuck(event: Event) -> None:
            await clock.sleep(10**9)

        scheduler.subscribe(stuck, {JobAdded})
        for _ in range(3):
            await scheduler.add_jobs({"func_or_task_id": nothing} for _ in range(5_000))
            await clock.advance(0)

        broker: Any = scheduler.event_broker
        assert 0 < broker.dropped_events <= 15_000 - 10_000
        assert await scheduler.get_jobs() == []

    async def test_callback_that_blocks_runs_in_a_thread_if_told_so(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        threads: list[int] = []
        scheduler.subscribe(
            lambda _: threads.append(threading.get_ident()), {JobReleased}, is_async=False
        )
        await scheduler.run_job(nothing)
        await clock.advance(0)

        assert len(threads) == 1
        assert threads[0] != threading.get_ident()

    async def test_next_event_is_waited_for(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.add_schedule(nothing, DateTrigger(START.replace(hour=5)), id="s")
        with clock.autojump():
            event: Event = await scheduler.get_next_event({JobReleased, ScheduleUpdated})

        assert isinstance(event, JobReleased)
        assert event.schedule_id == "s"
        assert clock.now() == START.replace(hour=5)

    async def test_start_and_stop_are_told(self, clock: VirtualClock) -> None:
        events: list[Any] = []
        async with AsyncScheduler(clock=clock) as scheduler:
            scheduler.subscribe(events.append, {SchedulerEvent})
            await scheduler.start_in_background()
            await scheduler.stop()
            await scheduler.wait_until_stopped()
            await clock.advance(0)

        assert kinds(events) == ["SchedulerStarted", "SchedulerStopped"]
        assert isinstance(events[0], SchedulerStarted)
        assert isinstance(events[1], SchedulerStopped)
        assert events[1].exception is None


def test_blocking_scheduler_calls_listeners_in_threads(clock: VirtualClock) -> None:
    threads: list[str] = []
    with Scheduler(clock=clock) as scheduler:
        scheduler.start_in_background()
        scheduler.subscribe(
            lambda _: threads.append(threading.current_thread().name), {JobReleased}
        )
        scheduler.add_job(nothing)
        clock.advance_from_thread(0)

    assert len(threads) == 1
    assert threads[0] not in ("MainThread", "rota scheduler")


def test_blocking_scheduler_waits_for_events(clock: VirtualClock) -> None:
    with Scheduler(clock=clock) as scheduler:
        scheduler.start_in_background()
        scheduler.add_schedule(nothing, IntervalTrigger(seconds=1), id="s")
        with clock.autojump():
            event = scheduler.get_next_event(JobReleased)

    assert isinstance(event, JobReleased)
    assert event.schedule_id == "s"


def test_blocking_scheduler_refuses_a_coroutine_function_as_listener(
    clock: VirtualClock,
) -> None:
    async def listen(event: Event) -> None:
        """Do nothing."""

    with (
        Scheduler(clock=clock) as scheduler,
        pytest.raises(TypeError, match="cannot be called in a thread"),
    ):
        scheduler.subscribe(listen)
