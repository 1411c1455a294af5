"""How long a rate lasts: `sustained.py URL COUNT LIMIT` prints the jobs per second of each two seconds.

COUNT jobs of one task are queued and run; LIMIT is that of the task, `none` for none.
"""

from __future__ import annotations

import asyncio
import sys
from time import perf_counter

from rota import AsyncScheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

GROUP = 1000
SECONDS = 2.0
_ran: list[None] = []


async def job() -> None:
    """Count."""
    _ran.append(None)


async def main(url: str, count: int, limit: int | None) -> None:
    """Queue the jobs, and run them all."""
    async with AsyncScheduler(SQLAlchemyDataStore(url)) as scheduler:
        await scheduler.configure_task("job", func=job, max_running_jobs=limit)
        for _ in range(0, count, GROUP):
            await scheduler.add_jobs([{"func_or_task_id": "job"}] * GROUP)
        await scheduler.start_in_background()
        while (before := len(_ran)) < count:
            begin = perf_counter()
            await asyncio.sleep(SECONDS)
            rate = (len(_ran) - before) / (perf_counter() - begin)
            print(f"{rate:,.0f}/s, {len(_ran):,} in all", flush=True)


if __name__ == "__main__":
    asyncio.run(
        main(sys.argv[1], int(sys.argv[2]), None if sys.argv[3] == "none" else int(sys.argv[3]))
    )
