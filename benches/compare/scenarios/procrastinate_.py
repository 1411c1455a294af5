"""procrastinate on PostgreSQL: `procrastinate_.py URL COUNT` prints a JSON object of rates per second."""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter

import procrastinate

SINGLE = 1_000


async def main(url: str, count: int) -> dict[str, float]:
    """Add jobs one at a time and in groups of 1000, then run them all until the worker finds no more."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))

    @app.task(name="job")
    async def job() -> None:
        """Do nothing."""

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        begin = perf_counter()
        for _ in range(SINGLE):
            await job.defer_async()
        added = SINGLE / (perf_counter() - begin)
        rest = count - SINGLE
        begin = perf_counter()
        for _ in range(0, rest, 1000):
            await job.batch_defer_async(*({} for _ in range(1000)))
        bulk = rest / (perf_counter() - begin)
        begin = perf_counter()
        await app.run_worker_async(wait=False, concurrency=20, install_signal_handlers=False)
        ran = count / (perf_counter() - begin)
    return {"add": added, "add in bulk": bulk, "run": ran}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2])))))
