"""Schedules that have been claimed, and a data store that then fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rota import AsyncScheduler, IntervalTrigger, OverlapPolicy
from rota.datastores.memory import MemoryDataStore
from tests.schedulers._runs import DUE, HALF, SECOND, Runs

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def runs(clock: VirtualClock) -> Runs:
    return Runs(clock)


class FailingStore(MemoryDataStore):
    """A data store that fails the first time that a schedule is released."""

    failed = False

    async def release_schedules(self, *args: Any) -> set[str]:
        """Fail once."""
        if not self.failed:
            self.failed = True
            raise ConnectionError("lost")
        return await super().release_schedules(*args)


async def test_fire_time_does_not_wait_for_the_lease_where_the_store_failed(
    clock: VirtualClock, runs: Runs
) -> None:
    async with AsyncScheduler(FailingStore(), clock=clock) as scheduler:
        await scheduler.add_schedule(runs.work, IntervalTrigger(hours=1, start_time=DUE))
        await scheduler.start_in_background()
        await clock.advance(11 * SECOND)
    assert [fire_time for _, fire_time in runs] == [DUE]


class LockedStore(MemoryDataStore):
    """A data store that records nothing."""

    async def release_schedules(self, *_args: Any) -> set[str]:
        """Fail."""
        raise OSError("no space left\nUPDATE ... SET args = 'secret'")


async def test_what_cannot_be_handed_back_is_named(
    clock: VirtualClock, runs: Runs, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncScheduler(LockedStore(), clock=clock) as scheduler:
        await scheduler.add_schedule(runs.work, IntervalTrigger(seconds=10, start_time=DUE), id="s")
        await scheduler.start_in_background()
        await clock.advance(DUE - HALF - clock.now())
    (warning,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert warning.getMessage() == (
        "could not hand back schedules that are due soon (OSError: no space left);"
        " they fire when their leases have run out: ['s']"
    )


class StoreThatFailsToCancel(MemoryDataStore):
    """A data store that fails the first time that jobs are to be cancelled, and counts what it refuses."""

    failed = False
    refused = 0

    async def cancel_jobs(self, *args: Any) -> set[UUID]:
        """Fail once."""
        if not self.failed:
            self.failed = True
            raise ConnectionError("lost")
        return await super().cancel_jobs(*args)

    async def release_schedules(self, *args: Any) -> set[str]:
        """Count."""
        refused = await super().release_schedules(*args)
        self.refused += len(refused)
        return refused


async def test_fire_time_is_released_once_where_what_follows_from_it_fails(
    clock: VirtualClock,
) -> None:
    started: list[datetime] = []
    ended: list[datetime] = []

    async def long() -> None:
        started.append(clock.now())
        try:
            await clock.sleep(12)
        finally:
            ended.append(clock.now())

    store = StoreThatFailsToCancel()
    async with AsyncScheduler(store, clock=clock) as scheduler:
        trigger = IntervalTrigger(seconds=10, start_time=DUE, end_time=DUE + 20 * SECOND)
        await scheduler.configure_task("long", func=long, max_running_jobs=9)
        await scheduler.add_schedule("long", trigger, overlap=OverlapPolicy.cancel_other)
        await scheduler.start_in_background()
        await clock.advance(60 * SECOND)
    assert store.failed
    assert store.refused == 0
    assert started == [DUE, DUE + 10 * SECOND, DUE + 20 * SECOND]
    assert ended[0] < DUE + 11 * SECOND  # it gave way as soon as the store could be told
