"""One scheduler on its memory store under one load: `memory.py PACKAGE SCENARIO [COUNT [LIMIT]]` prints a JSON object.

APScheduler 4 and rota are asked in the same words; only the package differs. Jobs and schedules name the task by
its id: APScheduler 4 resets the limit of a task when it is given the callable again.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from datetime import datetime, timedelta, timezone
from importlib import import_module
from time import perf_counter, process_time, time
from typing import Any, ClassVar

PACKAGE = sys.argv[1]
package: Any = import_module(PACKAGE)
IntervalTrigger: Any = import_module(f"{PACKAGE}.triggers.interval").IntervalTrigger
DUE_SECONDS = 4
NO_LIMIT = 1_000_000


class _Run:
    """What the jobs of the run have in common."""

    started = 0
    wanted = 0
    finished = asyncio.Event()
    lateness: ClassVar[list[float]] = []


async def job() -> None:
    """Count, and tell when the last one ran."""
    _Run.started += 1
    if _Run.started == _Run.wanted:
        _Run.finished.set()


async def timed_job() -> None:
    """Note how long after its fire time the job started."""
    _Run.lateness.append(time() - package.current_job.get().scheduled_fire_time.timestamp())


async def from_filled_queue(count: int, limit: int) -> dict[str, float]:
    """Run `count` jobs that are queued before the scheduler starts; the limit is of the task."""
    async with package.AsyncScheduler() as scheduler:
        await scheduler.configure_task("job", func=job, max_running_jobs=limit)
        for _ in range(count):
            await scheduler.add_job("job")
        begin = perf_counter()
        await _until_run(scheduler, count)
        return {"jobs_per_second": count / (perf_counter() - begin)}


async def while_added(count: int, limit: int) -> dict[str, float]:
    """Add `count` jobs to a scheduler that is running, and run them."""
    async with package.AsyncScheduler() as scheduler:
        await scheduler.configure_task("job", func=job, max_running_jobs=limit)
        await scheduler.start_in_background()
        _Run.wanted = count
        begin = perf_counter()
        for _ in range(count):
            await scheduler.add_job("job")
        await asyncio.wait_for(_Run.finished.wait(), 120)
        return {"jobs_per_second": count / (perf_counter() - begin)}


async def due_each_second(count: int, limit: int) -> dict[str, float]:
    """Let `count` schedules fall due in the same instant of each second, for some seconds."""
    async with package.AsyncScheduler() as scheduler:
        await scheduler.configure_task("job", func=timed_job, max_running_jobs=limit)
        # adding takes its time, and is not to be counted as lateness
        first = int(time()) + 3 + count // 10_000
        start = datetime.fromtimestamp(first, timezone.utc)
        for number in range(count):
            trigger = IntervalTrigger(seconds=1, start_time=start)
            await scheduler.add_schedule("job", trigger, id=f"schedule-{number}")
        await scheduler.start_in_background()
        cpu = process_time()
        await asyncio.sleep(max(0.0, first + DUE_SECONDS - 0.01 - time()))
        lateness = sorted(_Run.lateness)
        return {
            "runs_per_second": len(lateness) / DUE_SECONDS,
            "median_lateness_seconds": lateness[len(lateness) // 2] if lateness else 0.0,
            "p99_lateness_seconds": lateness[len(lateness) * 99 // 100] if lateness else 0.0,
            "cpu_seconds_per_second": (process_time() - cpu) / DUE_SECONDS,
        }


async def adding_schedules(count: int, limit: int) -> dict[str, float]:
    """Add `count` schedules one at a time; tell the time and the resident memory of each."""
    start = datetime.now(timezone.utc) + timedelta(days=1)
    async with package.AsyncScheduler() as scheduler:
        await scheduler.configure_task("job", func=job, max_running_jobs=limit)
        gc.collect()
        memory, begin = _resident_bytes(), perf_counter()
        for number in range(count):
            trigger = IntervalTrigger(hours=1, start_time=start)
            await scheduler.add_schedule("job", trigger, id=f"schedule-{number}")
        seconds = perf_counter() - begin
        gc.collect()
        return {
            "schedules_per_second": count / seconds,
            "bytes_per_schedule": (_resident_bytes() - memory) / count,
        }


async def _until_run(scheduler: Any, count: int) -> None:
    _Run.wanted = count
    await scheduler.start_in_background()
    await asyncio.wait_for(_Run.finished.wait(), 120)


def _resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


SCENARIOS = {
    function.__name__: function
    for function in (from_filled_queue, while_added, due_each_second, adding_schedules)
}

if __name__ == "__main__":
    scenario, how_many = SCENARIOS[sys.argv[2]], int(sys.argv[3])
    task_limit = int(sys.argv[4]) if len(sys.argv) > 4 else NO_LIMIT
    print(json.dumps(asyncio.run(scenario(how_many, task_limit))))
