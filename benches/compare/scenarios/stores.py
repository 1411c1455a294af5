"""A scheduler on a database: `stores.py PACKAGE URL SCENARIO COUNT` prints a JSON object of rates per second.

APScheduler 4 and rota are asked in the same words; what only rota has is only asked of rota.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime, timedelta, timezone
from importlib import import_module
from time import perf_counter, time
from typing import Any, ClassVar

from sqlalchemy import Engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine

PACKAGE, URL = sys.argv[1:3]
package: Any = import_module(PACKAGE)
IntervalTrigger: Any = import_module(f"{PACKAGE}.triggers.interval").IntervalTrigger
SQLAlchemyDataStore: Any = import_module(f"{PACKAGE}.datastores.sqlalchemy").SQLAlchemyDataStore
NO_LIMIT = 1_000_000
DUE_SECONDS = 6
GROUP = 1000


class _Run:
    """What the jobs of the run have in common."""

    count = 0
    wanted = 0
    statements = 0
    finished = asyncio.Event()
    lateness: ClassVar[list[float]] = []


async def job() -> None:
    """Count, and tell when the last one ran."""
    _Run.count += 1
    if _Run.count == _Run.wanted:
        _Run.finished.set()


async def timed_job() -> None:
    """Note how long after its fire time the job started."""
    _Run.lateness.append(time() - package.current_job.get().scheduled_fire_time.timestamp())


async def jobs(scheduler: Any, count: int) -> dict[str, float]:
    """Add `count` jobs one at a time, then run them; the store must have none left at the end."""
    await scheduler.configure_task("job", func=job, max_running_jobs=NO_LIMIT)
    rates = {}
    single = min(count, 1000)
    begin = perf_counter()
    for _ in range(single):
        await scheduler.add_job("job")
    rates["add"] = single / (perf_counter() - begin)
    if count > single:
        begin = perf_counter()
        for _ in range(single, count, GROUP):
            await scheduler.add_jobs([{"func_or_task_id": "job"}] * GROUP)
        rates["add in bulk"] = (count - single) / (perf_counter() - begin)
    _Run.wanted = count
    begin = perf_counter()
    await scheduler.start_in_background()
    await asyncio.wait_for(_Run.finished.wait(), 120)
    while await scheduler.get_jobs():  # noqa: ASYNC110 - the database is what is waited for
        await asyncio.sleep(0.005)
    rates["run"] = count / (perf_counter() - begin)
    return rates


async def schedules(scheduler: Any, count: int) -> dict[str, float]:
    """Add `count` schedules that are not due, one at a time, and for rota as many again in groups."""
    await scheduler.configure_task("job", func=job, max_running_jobs=NO_LIMIT)
    start = datetime.now(timezone.utc) + timedelta(days=1)
    begin = perf_counter()
    for number in range(count):
        trigger = IntervalTrigger(hours=1, start_time=start)
        await scheduler.add_schedule("job", trigger, id=f"single-{number}")
    rates = {"add": count / (perf_counter() - begin)}
    if PACKAGE == "rota":
        triggers = [IntervalTrigger(hours=1, start_time=start) for _ in range(count * 10)]
        begin = perf_counter()
        await _add_in_groups(scheduler, triggers)
        rates["add in bulk"] = count * 10 / (perf_counter() - begin)
    return rates


async def due(scheduler: Any, count: int) -> dict[str, float]:
    """Let `count` schedules fall due in the same instant of each second, for some seconds."""
    await scheduler.configure_task("job", func=timed_job, max_running_jobs=NO_LIMIT)
    begin = time()
    first = int(begin) + 3 + (count // 300 if PACKAGE != "rota" else count // 5000)
    start = datetime.fromtimestamp(first, timezone.utc)
    triggers = [IntervalTrigger(seconds=1, start_time=start) for _ in range(count)]
    if PACKAGE == "rota":
        await _add_in_groups(scheduler, triggers)
    else:
        for number, trigger in enumerate(triggers):
            await scheduler.add_schedule("job", trigger, id=f"schedule-{number}")
    await scheduler.start_in_background()
    await asyncio.sleep(max(0.0, first + DUE_SECONDS - 0.01 - time()))
    lateness = sorted(_Run.lateness)
    return {
        "run": len(lateness) / DUE_SECONDS,
        "p99 lateness": lateness[len(lateness) * 99 // 100] if lateness else 0.0,
    }


async def statements(scheduler: Any, count: int) -> dict[str, float]:
    """Tell the statements and the time that 1000 due schedules take from due to finished job, among `count` stored."""
    await scheduler.configure_task("job", func=job, max_running_jobs=NO_LIMIT)
    now = datetime.now(timezone.utc)
    later = now + timedelta(days=1)
    await _add_in_groups(
        scheduler, [IntervalTrigger(hours=1, start_time=later) for _ in range(GROUP)]
    )
    await _multiply_schedules(count // GROUP)
    await _add_in_groups(
        scheduler, [IntervalTrigger(hours=1, start_time=now) for _ in range(GROUP)]
    )
    _Run.wanted, _Run.statements = GROUP, 0
    begin = perf_counter()
    await scheduler.start_in_background()
    await asyncio.wait_for(_Run.finished.wait(), 120)
    seconds, executed = perf_counter() - begin, _Run.statements
    return {"statements": executed, "milliseconds": seconds * 1000}


async def _multiply_schedules(times: int) -> None:
    """Have PostgreSQL copy the schedules that there are, under other ids."""
    engine = create_async_engine(URL)
    async with engine.begin() as connection:
        found = await connection.execute(text("SELECT * FROM rota_schedules LIMIT 0"))
        names = list(found.keys())
        others = ", ".join(f'"{name}"' for name in names if name != "id")
        await connection.execute(
            text(
                f"INSERT INTO rota_schedules (id, {others}) SELECT id || '-' || copy, {others}"
                f" FROM rota_schedules, generate_series(2, {times}) AS copy"
            )
        )
    await engine.dispose()


def _count_statement(*_: object) -> None:
    _Run.statements += 1


async def _add_in_groups(scheduler: Any, triggers: list[Any]) -> None:
    """Add a schedule for each trigger, by the thousand."""
    for first in range(0, len(triggers), GROUP):
        group = triggers[first : first + GROUP]
        await scheduler.add_schedules(
            [{"func_or_task_id": "job", "trigger": trigger} for trigger in group]
        )


async def main(scenario: Any, count: int) -> dict[str, float]:
    """Run a scenario on a scheduler that keeps what it has in the database."""
    event.listen(Engine, "before_cursor_execute", _count_statement)
    async with package.AsyncScheduler(SQLAlchemyDataStore(URL)) as scheduler:
        rates: dict[str, float] = await scenario(scheduler, count)
        return rates


if __name__ == "__main__":
    chosen = {function.__name__: function for function in (jobs, schedules, due, statements)}[
        sys.argv[3]
    ]
    print(json.dumps(asyncio.run(main(chosen, int(sys.argv[4])))))
