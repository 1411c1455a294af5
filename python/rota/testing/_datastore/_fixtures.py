"""What the tests of data stores start from: a store, its clock, a broker that keeps what it is told; and items."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import pytest

from rota.abc import EventBroker, Subscription
from rota.model import (
    ConflictPolicy,
    Event,
    Job,
    JobOutcome,
    JobRelease,
    JobResult,
    Schedule,
    ScheduleResult,
    Task,
)
from rota.testing._clock import VirtualClock
from rota.triggers import IntervalTrigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
    from typing import TypeAlias

    from rota.abc import Clock, DataStore

    PassTime: TypeAlias = Callable[[timedelta], Awaitable[None]]

__all__ = [
    "HOUR",
    "LEASE",
    "MICROSECOND",
    "SECOND",
    "DataStoreFixtures",
    "RecordingBroker",
    "add",
    "claim_jobs",
    "claim_one_job",
    "claim_one_schedule",
    "claim_schedules",
    "ended",
    "fire",
    "make_job",
    "make_schedule",
    "make_task",
    "only",
]

E = TypeVar("E", bound=Event)
T = TypeVar("T")

MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LEASE = timedelta(seconds=30)
LONG_AGO = datetime(2020, 2, 29, 23, 59, 59, 999_999, tzinfo=timezone.utc)

_numbers = count(1)


class RecordingBroker(EventBroker):
    """Keeps what is published, and wants everything unless told otherwise."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.wanted: tuple[type[Event], ...] = (Event,)
        self.on_publish: Callable[[Event], Awaitable[None]] | None = None

    async def start(self, exit_stack: AsyncExitStack, logger: logging.Logger, clock: Clock) -> None:
        """Do nothing."""

    async def publish(self, *events: Event) -> None:
        """Keep events."""
        self.events += events
        if self.on_publish is not None:
            for event in events:
                await self.on_publish(event)

    async def publish_local(self, *events: Event) -> None:
        """Keep events."""
        await self.publish(*events)

    def subscribe(
        self,
        callback: Callable[[Event], Any],
        event_types: Iterable[type[Event]] | None = None,
        *,
        one_shot: bool = False,
        is_async: bool = True,
    ) -> Subscription:
        """Refuse: the tests look at `events`."""
        raise NotImplementedError

    def wants(self, event_type: type[Event]) -> bool:
        """Tell whether `wanted` has the type."""
        return issubclass(event_type, self.wanted)

    @property
    def dropped_events(self) -> int:
        """Zero."""
        return 0

    def of(self, *types: type[E]) -> list[E]:
        """Return the events of some types."""
        return [event for event in self.events if isinstance(event, types)]


class DataStoreFixtures:
    """The fixtures; those for the clock may be overridden."""

    pytestmark: pytest.MarkDecorator = pytest.mark.anyio

    def make_store(self) -> DataStore:
        """Return a store that was not started, and has nothing in it."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Clock:
        """Provide the clock that stores are started with."""
        return VirtualClock()

    @pytest.fixture
    def pass_time(self, clock: Clock) -> PassTime:
        """Provide a coroutine function that lets time pass by the clocks of all stores."""
        assert isinstance(clock, VirtualClock), "override pass_time together with clock"

        async def pass_time(duration: timedelta) -> None:
            clock.set_wall(clock.now() + duration)

        return pass_time

    @pytest.fixture
    def broker(self) -> RecordingBroker:
        """Provide the event broker that stores publish through."""
        return RecordingBroker()

    @pytest.fixture
    async def store(self, broker: RecordingBroker, clock: Clock) -> AsyncIterator[DataStore]:
        """Provide a store that is empty but for `make_task()`."""
        async with self.started(broker, clock) as store:
            await store.add_task(make_task())
            broker.events.clear()
            yield store

    @asynccontextmanager
    async def started(self, broker: EventBroker, clock: Clock) -> AsyncIterator[DataStore]:
        """Start an empty store, and stop it at the end of the block."""
        store = self.make_store()
        async with AsyncExitStack() as exit_stack:
            await store.start(exit_stack, broker, logging.getLogger("rota"), clock)
            yield store


def make_task(id: str = "task", **settings: Any) -> Task:
    """Make a task, without a limit of running jobs."""
    return Task(id=id, **{"job_executor": "async", "max_running_jobs": None, **settings})


def make_schedule(id: str = "schedule", due: datetime = LONG_AGO, **settings: Any) -> Schedule:
    """Make a schedule that is due at a time, and from then on each hour."""
    if "trigger" not in settings:
        settings["trigger"] = IntervalTrigger(hours=1, start_time=due)
        assert settings["trigger"].next() == due
    given = {"task_id": "task", "job_executor": "async", "next_fire_time": due, **settings}
    return Schedule(id=id, **given)


def make_job(**settings: Any) -> Job:
    """Make a job that may start at once."""
    number = next(_numbers)
    created_at = LONG_AGO + number * MICROSECOND
    given = {"task_id": "task", "executor": "async", "created_at": created_at, **settings}
    return Job(**{"id": UUID(int=number), **given})


async def add(
    store: DataStore,
    *schedules: Schedule,
    conflict_policy: ConflictPolicy = ConflictPolicy.exception,
) -> None:
    """Add schedules."""
    await store.add_schedules(schedules, conflict_policy)


def only(items: Sequence[T]) -> T:
    """Return the one item that there is."""
    (item,) = items
    return item


async def claim_schedules(
    store: DataStore, scheduler_id: str = "A", *, limit: int = 1_000, lease: timedelta = LEASE
) -> list[Schedule]:
    """Claim schedules that are due."""
    return list((await store.acquire_schedules(scheduler_id, lease, limit)).items)


async def claim_one_schedule(store: DataStore, scheduler_id: str = "A") -> Schedule:
    """Claim the one schedule that is due."""
    return only(await claim_schedules(store, scheduler_id))


async def claim_jobs(
    store: DataStore, scheduler_id: str = "A", *, limit: int = 1_000, lease: timedelta = LEASE
) -> list[Job]:
    """Claim jobs that may start."""
    return list((await store.acquire_jobs(scheduler_id, lease, limit)).items)


async def claim_one_job(store: DataStore, scheduler_id: str = "A") -> Job:
    """Claim the one job that may start."""
    return only(await claim_jobs(store, scheduler_id))


def fire(schedule: Schedule, *jobs: Job, serial: bool = False, **changes: Any) -> ScheduleResult:
    """Decide that a claimed schedule gives a job for its fire time, or other jobs; its trigger says when it is next."""
    assert schedule.next_fire_time is not None
    if not jobs:
        fire_time = schedule.next_fire_time
        jobs = (
            make_job(
                task_id=schedule.task_id,
                schedule_id=schedule.id,
                scheduled_fire_time=fire_time,
                serial=serial,
            ),
        )
    decided = {
        "schedule_id": schedule.id,
        "task_id": schedule.task_id,
        "trigger": schedule.trigger,
        "last_fire_time": schedule.next_fire_time,
        "token": schedule.token,
        "jobs": jobs,
        **changes,
    }
    if "next_fire_time" not in decided:
        decided["next_fire_time"] = schedule.trigger.next()
    return ScheduleResult(**decided)


def ended(
    job: Job,
    at: datetime,
    outcome: JobOutcome = JobOutcome.success,
    *,
    run_again_after: timedelta | None = None,
    **more: Any,
) -> JobRelease:
    """Say that a claimed job has ended."""
    result = JobResult.from_job(job, outcome, finished_at=at, **more)
    return JobRelease(job=job, result=result, run_again_after=run_again_after)
