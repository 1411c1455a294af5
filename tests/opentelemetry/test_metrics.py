"""What schedulers count and measure, by the SDK's reader in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from rota import (
    AsyncScheduler,
    CronTrigger,
    IntervalTrigger,
    JobReleased,
    OverlapPolicy,
    RetryPolicy,
    SchedulerRole,
)
from rota.abc import Trigger
from rota.datastores.memory import MemoryDataStore
from rota.eventbrokers.local import LocalEventBroker

if TYPE_CHECKING:
    from datetime import datetime

    from rota.testing import VirtualClock
    from tests.opentelemetry.conftest import Telemetry

pytestmark = pytest.mark.anyio

IDENTITY = {"rota.scheduler.identity": "A"}


async def work() -> None:
    """Do nothing."""


async def fail() -> None:
    raise ValueError("the reason")


async def test_jobs_are_counted_by_task_and_outcome(
    telemetry: Telemetry, clock: VirtualClock
) -> None:
    async with AsyncScheduler(clock=clock) as scheduler:
        with pytest.raises(RuntimeError, match="must be instrumented before it is started"):
            telemetry.instrument(scheduler)
    scheduler = AsyncScheduler(clock=clock)
    telemetry.instrument(scheduler)
    async with scheduler:
        await scheduler.configure_task("work", func=work)
        await scheduler.configure_task("fail", func=fail)
        await scheduler.start_in_background()
        for _ in range(3):
            await scheduler.add_job("work")
        await scheduler.add_job("fail")
        waiting = await scheduler.add_job("work", run_at=clock.now() + timedelta(hours=1))
        await scheduler.cancel_job(waiting)
        await clock.advance(1)

        success = {"rota.task.id": "work", "rota.job.outcome": "success"}
        cancelled = {"rota.task.id": "work", "rota.job.outcome": "cancelled"}
        error = {
            "rota.task.id": "fail",
            "rota.job.outcome": "error",
            "error.type": "ValueError",
        }
        counts = telemetry.values("rota.job.ended")
        assert sorted(counts, key=str) == sorted(
            [(success, 3), (cancelled, 1), (error, 1)], key=str
        )
        assert sorted(telemetry.sums("rota.job.duration"), key=str) == sorted(
            [(success, 3, 0), (error, 1, 0)], key=str
        )


async def test_lateness_and_duration_are_measured_in_seconds(
    telemetry: Telemetry, clock: VirtualClock
) -> None:
    async def slow() -> None:
        await clock.sleep(4)

    scheduler = AsyncScheduler(clock=clock)
    telemetry.instrument(scheduler)
    async with scheduler:
        await scheduler.configure_task("slow", func=slow)
        await scheduler.add_schedule("slow", IntervalTrigger(minutes=1))
        await clock.advance(2.5)  # nobody looks
        await scheduler.start_in_background()
        await clock.advance(5)

    assert telemetry.sums("rota.job.lateness") == [({"rota.task.id": "slow"}, 1, 2.5)]
    outcome = {"rota.task.id": "slow", "rota.job.outcome": "success"}
    assert telemetry.sums("rota.job.duration") == [(outcome, 1, 4)]
    assert telemetry.metrics()["rota.job.lateness"].unit == "s"
    ((_, point),) = telemetry.points("rota.job.duration")
    assert max(point.explicit_bounds) == 3600


async def test_pause_before_a_retry_is_not_lateness(
    telemetry: Telemetry, clock: VirtualClock
) -> None:
    scheduler = AsyncScheduler(clock=clock)
    telemetry.instrument(scheduler)
    async with scheduler:
        await scheduler.configure_task("fail", func=fail, retry=RetryPolicy(max_attempts=3))
        await scheduler.start_in_background()
        await scheduler.add_job("fail", run_at=clock.now() + timedelta(seconds=1))
        await clock.advance(3600)

    ((_, count),) = telemetry.values("rota.job.ended")
    assert count == 3
    assert telemetry.sums("rota.job.lateness") == [({"rota.task.id": "fail"}, 1, 0)]


async def test_running_jobs_are_counted_while_they_run(
    telemetry: Telemetry, clock: VirtualClock
) -> None:
    async def slow() -> None:
        await clock.sleep(10)

    scheduler = AsyncScheduler(clock=clock)
    telemetry.instrument(scheduler)
    async with scheduler:
        await scheduler.configure_task("slow", func=slow, max_running_jobs=None)
        await scheduler.start_in_background()
        await scheduler.add_job("slow")
        await scheduler.add_job("slow")
        await clock.advance(5)
        assert telemetry.values("rota.job.active") == [({"rota.task.id": "slow"}, 2)]
        await clock.advance(6)
        assert telemetry.values("rota.job.active") == [({"rota.task.id": "slow"}, 0)]


async def test_backlog_is_counted_while_the_scheduler_runs(
    telemetry: Telemetry, clock: VirtualClock
) -> None:
    """Here by a scheduler that runs no jobs itself."""
    scheduler = AsyncScheduler(clock=clock, identity="A", role=SchedulerRole.scheduler)
    telemetry.instrument(scheduler, backlog_interval=10)
    async with scheduler:
        await scheduler.configure_task("work", func=work)
        for _ in range(3):
            await scheduler.add_job("work")
        await scheduler.add_job("work", run_at=clock.now() + timedelta(hours=1))
        await scheduler.start_in_background()
        await clock.advance(1)
        assert telemetry.values("rota.store.job.count") == [
            ({**IDENTITY, "rota.job.state": "due"}, 3),
            ({**IDENTITY, "rota.job.state": "delayed"}, 1),
            ({**IDENTITY, "rota.job.state": "running"}, 0),
        ]
        await scheduler.add_job("work")
        await clock.advance(10)
        (due, *_) = telemetry.values("rota.store.job.count")
        assert due == ({**IDENTITY, "rota.job.state": "due"}, 4)
        await scheduler.stop()
        await scheduler.wait_until_stopped()
        assert telemetry.values("rota.store.job.count") == [], "nobody knows it any more"


async def test_due_schedules_are_counted_where_nobody_processes_them(
    telemetry: Telemetry, clock: VirtualClock
) -> None:
    worker = AsyncScheduler(clock=clock, identity="A", role=SchedulerRole.worker)
    telemetry.instrument(worker, backlog_interval=10)
    async with worker:
        await worker.add_schedule(work, IntervalTrigger(hours=1))
        await worker.add_schedule(work, CronTrigger(year=2030))
        await worker.start_in_background()
        await clock.advance(11)
        assert telemetry.values("rota.store.schedule.due") == [(IDENTITY, 1)]
        assert telemetry.values("rota.store.schedule.overdue") == [(IDENTITY, 10)]


async def test_without_an_interval_the_store_is_left_alone(
    telemetry: Telemetry, clock: VirtualClock
) -> None:
    class Store(MemoryDataStore):
        async def backlog(self, limit: int = 0) -> Any:
            raise AssertionError("not asked for")

    scheduler = AsyncScheduler(Store(), clock=clock)
    telemetry.instrument(scheduler, backlog_interval=None)
    async with scheduler:
        await scheduler.start_in_background()
        await clock.advance(60)
        assert scheduler.health.ok


async def test_store_that_cannot_count_stops_nothing(
    telemetry: Telemetry, clock: VirtualClock
) -> None:
    class Store(MemoryDataStore):
        async def backlog(self, limit: int = 0) -> Any:
            raise ConnectionError("gone")

    scheduler = AsyncScheduler(Store(), clock=clock, identity="A")
    telemetry.instrument(scheduler)
    async with scheduler:
        await scheduler.configure_task("work", func=work)
        await scheduler.start_in_background()
        await clock.advance(60)
        assert telemetry.values("rota.store.job.count") == []
        assert telemetry.values("rota.scheduler.problems") == [(IDENTITY, 1)]
        await scheduler.run_job("work")


async def test_skipped_fire_times_and_failed_schedules_are_counted(
    telemetry: Telemetry, clock: VirtualClock
) -> None:
    class Broken(Trigger):
        times = 0

        def next(self) -> datetime | None:
            self.times += 1
            if self.times > 1:
                raise ZeroDivisionError
            return clock.now()

        def __getstate__(self) -> Any:
            return self.times

        def __setstate__(self, state: Any) -> None:
            self.times = state

    async def slow() -> None:
        await clock.sleep(25)

    scheduler = AsyncScheduler(clock=clock, identity="A")
    telemetry.instrument(scheduler)
    async with scheduler:
        await scheduler.configure_task("slow", func=slow)
        await scheduler.configure_task("work", func=work)
        await scheduler.start_in_background()
        await scheduler.add_schedule(
            "slow", IntervalTrigger(seconds=10), overlap=OverlapPolicy.skip
        )
        await scheduler.add_schedule("work", Broken())
        await clock.advance(29)

    assert telemetry.values("rota.fire_time.skipped") == [({"rota.task.id": "slow"}, 2)]
    assert telemetry.values("rota.schedule.failed") == [({"rota.task.id": "work"}, 1)]


async def test_lost_leases_are_counted(telemetry: Telemetry, clock: VirtualClock) -> None:
    """And the job, which the store then has to be rid of, is counted once as abandoned."""

    class Store(MemoryDataStore):
        async def extend_leases(self, *args: Any, **kwargs: Any) -> Any:
            raise ConnectionError("gone")

    async def slow() -> None:
        await clock.sleep(100)

    scheduler = AsyncScheduler(Store(), clock=clock, lease_duration=10)
    telemetry.instrument(scheduler)
    async with scheduler:
        await scheduler.configure_task("slow", func=slow)
        await scheduler.start_in_background()
        await scheduler.add_job("slow")
        await clock.advance(60)

    assert telemetry.values("rota.job.lease.lost") == [({"rota.task.id": "slow"}, 1)]


async def test_dropped_events_are_counted(telemetry: Telemetry, clock: VirtualClock) -> None:
    broker = LocalEventBroker(queue_size=1)
    scheduler = AsyncScheduler(event_broker=broker, clock=clock, identity="A")
    telemetry.instrument(scheduler)

    released = anyio.Event()

    async def slow(_event: object) -> None:
        await released.wait()

    async with scheduler:
        scheduler.subscribe(slow, JobReleased)
        await scheduler.configure_task("work", func=work)
        await scheduler.start_in_background()
        for _ in range(5):
            await scheduler.add_job("work")
        await clock.advance(1)
        assert broker.dropped_events > 0
        assert telemetry.values("rota.event.dropped") == [(IDENTITY, broker.dropped_events)]
        released.set()


@pytest.mark.parametrize("shared", ["broker", "store"])
async def test_what_several_schedulers_learn_of_is_counted_once(
    telemetry: Telemetry, clock: VirtualClock, shared: str
) -> None:
    """Those that share a data store each publish through their own broker, or all through one."""
    store, broker = MemoryDataStore(), LocalEventBroker()
    brokers = [broker, broker] if shared == "broker" else [broker, LocalEventBroker()]
    first, second = (
        AsyncScheduler(store, each, clock=clock, max_concurrent_jobs=3) for each in brokers
    )
    telemetry.instrument(first)
    telemetry.instrument(second)
    async with first, second:
        for scheduler in (first, second):
            await scheduler.configure_task("work", func=work, max_running_jobs=None)
            await scheduler.start_in_background()
        for _ in range(20):
            await first.add_job("work")
        late = await first.add_job("work", run_at=clock.now() + timedelta(hours=1))
        await clock.advance(1)
        await second.cancel_job(late)

    counts = {
        attributes["rota.job.outcome"]: count
        for attributes, count in telemetry.values("rota.job.ended")
    }
    assert counts == {"success": 20, "cancelled": 1}


async def test_abandoned_job_is_counted_by_who_finds_it(
    telemetry: Telemetry, clock: VirtualClock
) -> None:
    store = MemoryDataStore()
    first, second = (AsyncScheduler(store, clock=clock) for _ in range(2))
    telemetry.instrument(first)
    telemetry.instrument(second)
    async with first, second:
        await first.configure_task("work", func=work)
        await first.add_job("work")
        await store.acquire_jobs("nobody", timedelta(seconds=10), 1)
        for scheduler in (first, second):
            await scheduler.start_in_background()
        await clock.advance(300)

    abandoned = {"rota.task.id": "work", "rota.job.outcome": "abandoned"}
    assert telemetry.values("rota.job.ended") == [(abandoned, 1)]


async def test_scheduler_is_instrumented_once(telemetry: Telemetry, clock: VirtualClock) -> None:
    scheduler = AsyncScheduler(clock=clock, identity="A")
    telemetry.instrument(scheduler)
    with pytest.raises(RuntimeError, match="instrumented already: A"):
        telemetry.instrument(scheduler)


async def test_wrong_arguments_are_named(telemetry: Telemetry) -> None:
    with pytest.raises(TypeError, match=r"scheduler must be a Scheduler .*, got: None"):
        telemetry.instrument(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="backlog_interval must be positive, got: 0"):
        telemetry.instrument(AsyncScheduler(), backlog_interval=0)
