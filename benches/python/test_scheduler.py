"""What a scheduler on the memory store costs: adding, and running jobs that do nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from rota import AsyncScheduler
from rota.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

START = datetime.now(timezone.utc) + timedelta(days=1)
COUNT = 1000


@pytest.mark.parametrize("limit", [1, 100, None])
def test_queued_jobs(benchmark: BenchmarkFixture, limit: int | None) -> None:
    async def run() -> int:
        done, finished = 0, asyncio.Event()

        async def job() -> None:
            nonlocal done
            done += 1
            if done == COUNT:
                finished.set()

        async with AsyncScheduler() as scheduler:
            await scheduler.configure_task("job", func=job, max_running_jobs=limit)
            await scheduler.add_jobs([{"func_or_task_id": "job"}] * COUNT)
            await scheduler.start_in_background()
            await asyncio.wait_for(finished.wait(), 60)
        return done

    assert benchmark(lambda: asyncio.run(run())) == COUNT


def test_adding_schedules(benchmark: BenchmarkFixture) -> None:
    async def add() -> int:
        async with AsyncScheduler() as scheduler:
            await scheduler.configure_task("job", func=print)
            for number in range(COUNT):
                trigger = IntervalTrigger(hours=1, start_time=START)
                await scheduler.add_schedule("job", trigger, id=f"schedule-{number}")
            return len(await scheduler.get_schedules())

    assert benchmark(lambda: asyncio.run(add())) == COUNT
