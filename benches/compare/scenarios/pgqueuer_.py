"""pgqueuer on PostgreSQL: `pgqueuer_.py URL COUNT` prints a JSON object of rates per second."""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter
from typing import Any

import asyncpg
from pgqueuer import AsyncpgDriver, PgQueuer, Queries
from pgqueuer.types import QueueExecutionMode

SINGLE = 2_000


async def main(url: str, count: int) -> dict[str, float]:
    """Add jobs one at a time and in groups of 1000, then run them all; the queue must be empty at the end."""
    connection = await asyncpg.connect(url)
    driver = AsyncpgDriver(connection)
    queries = Queries(driver)
    await queries.install()
    queue = PgQueuer(driver)

    @queue.entrypoint("job")
    async def job(_: Any) -> None:
        """Do nothing."""

    begin = perf_counter()
    for _ in range(SINGLE):
        await queries.enqueue("job", None)
    added = SINGLE / (perf_counter() - begin)
    rest = count - SINGLE
    begin = perf_counter()
    for _ in range(0, rest, 1000):
        await queries.enqueue(["job"] * 1000, [None] * 1000, [0] * 1000)
    bulk = rest / (perf_counter() - begin)
    begin = perf_counter()
    await queue.run(batch_size=100, mode=QueueExecutionMode.drain)
    while await queries.queue_size():  # noqa: ASYNC110 - the database is what is waited for
        await asyncio.sleep(0.005)
    ran = count / (perf_counter() - begin)
    await connection.close()
    return {"add": added, "add in bulk": bulk, "run": ran}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2])))))
