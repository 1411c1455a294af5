"""A schedule on PostgreSQL, for any number of processes; PostgreSQL also carries the notifications.

Needs: rota[postgresql]
"""

import asyncio
import os
from datetime import datetime

from rota import AsyncScheduler, ConflictPolicy, IntervalTrigger, task
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.asyncpg import AsyncpgEventBroker

URL = os.environ.get("ROTA_EXAMPLE_URL", "postgresql://postgres@127.0.0.1/test")


@task(id="tick")
async def tick() -> None:
    print("Hello, the time is", datetime.now(), flush=True)


async def main() -> None:
    data_store = SQLAlchemyDataStore(URL, table_prefix="example_")
    async with AsyncScheduler(data_store, AsyncpgEventBroker(URL)) as scheduler:
        await scheduler.add_schedule(
            tick,
            IntervalTrigger(seconds=1),
            id="every-second",
            conflict_policy=ConflictPolicy.replace,
        )
        await scheduler.run_until_stopped()


if __name__ == "__main__":
    asyncio.run(main())
