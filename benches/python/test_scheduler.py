"""What a scheduler on the memory store costs: adding, and running jobs that do nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from rota import AsyncScheduler
from rota.opentelemetry import instrument
from rota.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

START = datetime.now(timezone.utc) + timedelta(days=1)
COUNT = 1000


@pytest.mark.parametrize("limit", [1, 100, None])
def test_queued_jobs(benchmark: BenchmarkFixture, limit: int | None) -> None:
    assert benchmark(lambda: asyncio.run(run_jobs(AsyncScheduler(), limit))) == COUNT


@pytest.mark.parametrize("telemetry", ["none", "metrics", "metrics and spans"])
def test_queued_jobs_with_opentelemetry(benchmark: BenchmarkFixture, telemetry: str) -> None:
    """Spans are recorded and thrown away, so that no exporter is measured."""
    sampler = ALWAYS_ON if telemetry == "metrics and spans" else ALWAYS_OFF
    meters, tracers = MeterProvider([InMemoryMetricReader()]), TracerProvider(sampler)

    def run() -> int:
        scheduler = AsyncScheduler()
        if telemetry != "none":
            instrument(scheduler, meter_provider=meters, tracer_provider=tracers)
        return asyncio.run(run_jobs(scheduler, None))

    assert benchmark(run) == COUNT


async def run_jobs(unstarted: AsyncScheduler, limit: int | None) -> int:
    """Run jobs that do nothing from a filled queue, and return how many have run."""
    done, finished = 0, asyncio.Event()

    async def job() -> None:
        nonlocal done
        done += 1
        if done == COUNT:
            finished.set()

    async with unstarted as scheduler:
        await scheduler.configure_task("job", func=job, max_running_jobs=limit)
        await scheduler.add_jobs([{"func_or_task_id": "job"}] * COUNT)
        await scheduler.start_in_background()
        await asyncio.wait_for(finished.wait(), 60)
    return done


def test_adding_schedules(benchmark: BenchmarkFixture) -> None:
    async def add() -> int:
        async with AsyncScheduler() as scheduler:
            await scheduler.configure_task("job", func=print)
            for number in range(COUNT):
                trigger = IntervalTrigger(hours=1, start_time=START)
                await scheduler.add_schedule("job", trigger, id=f"schedule-{number}")
            return len(await scheduler.get_schedules())

    assert benchmark(lambda: asyncio.run(add())) == COUNT
