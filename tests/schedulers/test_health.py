"""What a scheduler says of itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rota import AsyncScheduler, EventsMissed, Health, RunState, Scheduler
from rota.datastores.memory import MemoryDataStore
from rota.eventbrokers.local import LocalEventBroker
from rota.testing import VirtualClock

ran: list[int] = []


def note(number: int) -> None:
    ran.append(number)


class BreakingStore(MemoryDataStore):
    """A store that can be switched off."""

    broken = False

    async def acquire_jobs(self, *args: Any, **kwargs: Any) -> Any:
        if self.broken:
            raise ConnectionError("gone\nfor several reasons")
        return await super().acquire_jobs(*args, **kwargs)


class SilentStore(MemoryDataStore):
    """A store whose events all get lost."""

    async def start(self, exit_stack: Any, event_broker: Any, logger: Any, clock: Any) -> None:
        await super().start(exit_stack, LocalEventBroker(), logger, clock)


class DisconnectedBroker(LocalEventBroker):
    """A broker that has no server."""

    @property
    def problem(self) -> str | None:
        return "not connected"


@pytest.mark.anyio
async def test_problems_are_told_while_they_last(clock: VirtualClock) -> None:
    ran.clear()
    store = BreakingStore()
    async with AsyncScheduler(store, clock=clock) as scheduler:
        assert scheduler.health == Health(state=RunState.stopped)
        await scheduler.start_in_background()
        await clock.advance(0)
        assert scheduler.health == Health(state=RunState.started)
        store.broken = True
        await scheduler.add_job(note, args=[1])
        await clock.advance(1)
        assert scheduler.health.problems == {"claiming and recording jobs": "ConnectionError: gone"}
        store.broken = False
        await clock.advance(10)
        assert Health(state=RunState.started).ok
        assert scheduler.health == Health(state=RunState.started)
        assert ran == [1]


@pytest.mark.anyio
async def test_problem_of_the_broker_is_told(clock: VirtualClock) -> None:
    async with AsyncScheduler(event_broker=DisconnectedBroker(), clock=clock) as scheduler:
        assert scheduler.health.problems == {"event broker": "not connected"}


@pytest.mark.anyio
async def test_data_store_is_looked_at_when_events_were_missed(clock: VirtualClock) -> None:
    """Whatever happened elsewhere in between is noticed at once, not after the polling interval."""
    ran.clear()
    store, broker = SilentStore(), LocalEventBroker()
    async with AsyncScheduler(store, broker, clock=clock, polling_interval=3600) as worker:
        await worker.configure_task(note)
        await worker.start_in_background()
        async with AsyncScheduler(store, LocalEventBroker(), clock=clock) as other:
            await clock.advance(1)
            await other.add_job(note, args=[1])
            await clock.advance(1)
            assert ran == []
            await broker.publish(EventsMissed(timestamp=clock.now()))
            await clock.advance(1)
            assert ran == [1]


def test_blocking_scheduler_has_it_too() -> None:
    with Scheduler() as scheduler:
        assert scheduler.health == Health(state=RunState.stopped)


class StoreThatFailsOnce(MemoryDataStore):
    """A store that fails the first time that it is asked when a schedule is due."""

    failed = False

    async def time_to_next_schedule(self) -> timedelta | None:
        if not self.failed:
            self.failed = True
            raise ConnectionError("gone")
        return await super().time_to_next_schedule()


@pytest.mark.anyio
async def test_problem_is_over_as_soon_as_the_store_answers(clock: VirtualClock) -> None:
    store = StoreThatFailsOnce()
    async with AsyncScheduler(store, clock=clock, polling_interval=1000) as scheduler:
        await scheduler.start_in_background()
        await clock.advance(0)
        assert scheduler.health.problems == {"processing schedules": "ConnectionError: gone"}
        await clock.advance(1)
        assert store.failed
        assert scheduler.health == Health(state=RunState.started)
