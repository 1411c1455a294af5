"""Jobs that change their own schedule while they run, and schedules that change while they are processed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from rota import (
    AsyncScheduler,
    ConflictPolicy,
    IntervalTrigger,
    ScheduleResult,
    current_async_scheduler,
    current_job,
)
from tests.schedulers.conftest import every_flavour

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)

times: list[datetime | None] = []


@pytest.fixture(autouse=True)
def no_times() -> None:
    times.clear()


def every(seconds: float, start: float = 0) -> IntervalTrigger:
    return IntervalTrigger(seconds=seconds, start_time=START + start * SECOND)


async def note() -> None:
    times.append(current_job.get().scheduled_fire_time)


def at(*seconds: float) -> list[datetime]:
    return [START + n * SECOND for n in seconds]


async def remove_own() -> None:
    await note()
    scheduler, job = _running()
    await scheduler.remove_schedule(job.schedule_id)


async def pause_own() -> None:
    await note()
    scheduler, job = _running()
    await scheduler.pause_schedule(job.schedule_id)


async def update_own() -> None:
    await note()
    scheduler, job = _running()
    await scheduler.update_schedule(job.schedule_id, trigger=every(4))


async def replace_own() -> None:
    await note()
    scheduler, job = _running()
    await scheduler.add_schedule(
        note, every(3, start=2), id=job.schedule_id, conflict_policy=ConflictPolicy.replace
    )


async def remove_and_add_own() -> None:
    await note()
    scheduler, job = _running()
    await scheduler.remove_schedule(job.schedule_id)
    await scheduler.add_schedule(note, every(3, start=2), id=job.schedule_id)


def _running() -> tuple[AsyncScheduler, Any]:
    scheduler = current_async_scheduler.get()
    assert scheduler is not None
    return scheduler, current_job.get()


@every_flavour
@pytest.mark.parametrize(
    ("func", "expected", "left"),
    [
        pytest.param(remove_own, at(0), [], id="removes"),
        pytest.param(pause_own, at(0), ["s"], id="pauses"),
        pytest.param(update_own, at(0, 4, 8), ["s"], id="updates"),
        pytest.param(replace_own, at(0, 2, 5, 8), ["s"], id="replaces"),
        pytest.param(remove_and_add_own, at(0, 2, 5, 8), ["s"], id="removes-and-adds"),
    ],
)
async def test_job_may_change_its_own_schedule(
    scheduler: AsyncScheduler,
    clock: VirtualClock,
    func: Callable[[], Awaitable[None]],
    expected: list[datetime],
    left: list[str],
) -> None:
    await scheduler.add_schedule(func, every(10), id="s")
    await clock.advance(8)

    assert times == expected
    assert [schedule.id for schedule in await scheduler.get_schedules()] == left
    assert await scheduler.get_jobs() == []


class TestWhileProcessed:
    """Something happens to a schedule between its being claimed and its being released."""

    async def interfere(
        self,
        scheduler: AsyncScheduler,
        clock: VirtualClock,
        monkeypatch: pytest.MonkeyPatch,
        change: Callable[[], Awaitable[object]],
    ) -> None:
        store: Any = scheduler.data_store
        release = store.release_schedules
        done: list[bool] = []

        async def release_late(owner: str, results: list[ScheduleResult]) -> set[str]:
            if not done:
                done.append(True)
                await change()
            refused: set[str] = await release(owner, results)
            return refused

        monkeypatch.setattr(type(store), "release_schedules", lambda _, *args: release_late(*args))
        await scheduler.add_schedule(note, every(10), id="s")
        await scheduler.add_schedule(note, every(10), id="other")
        await clock.advance(15)
        assert done

    async def test_removed_schedule_gives_no_job_and_its_neighbour_does(
        self, scheduler: AsyncScheduler, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self.interfere(scheduler, clock, monkeypatch, lambda: scheduler.remove_schedule("s"))

        assert times == at(0, 10)
        assert [schedule.id for schedule in await scheduler.get_schedules()] == ["other"]

    async def test_paused_schedule_gives_no_job(
        self, scheduler: AsyncScheduler, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self.interfere(scheduler, clock, monkeypatch, lambda: scheduler.pause_schedule("s"))

        assert times == at(0, 10)
        assert (await scheduler.get_schedule("s")).paused

    async def test_replaced_schedule_follows_its_new_trigger(
        self, scheduler: AsyncScheduler, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self.interfere(
            scheduler,
            clock,
            monkeypatch,
            lambda: scheduler.add_schedule(
                note, every(7, start=3), id="s", conflict_policy=ConflictPolicy.replace
            ),
        )

        assert sorted(time for time in times if time) == at(0, 3, 10, 10)


async def test_schedule_that_is_added_again_at_each_start_does_not_repeat_its_run(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    for _ in range(3):
        await scheduler.add_schedule(
            note, every(10), id="s", conflict_policy=ConflictPolicy.replace
        )
        await clock.advance(5)

    assert times == at(0, 10)
