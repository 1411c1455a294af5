"""A schedule on MariaDB or MySQL, for any number of processes.

Needs: rota[mariadb]
"""

import asyncio
import os
from datetime import datetime

from rota import AsyncScheduler, ConflictPolicy, IntervalTrigger, task
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

URL = os.environ.get("ROTA_EXAMPLE_URL", "mariadb://root@127.0.0.1/test")


@task(id="tick")
async def tick() -> None:
    print("Hello, the time is", datetime.now(), flush=True)


async def main() -> None:
    async with AsyncScheduler(SQLAlchemyDataStore(URL, table_prefix="example_")) as scheduler:
        await scheduler.add_schedule(
            tick,
            IntervalTrigger(seconds=1),
            id="every-second",
            conflict_policy=ConflictPolicy.replace,
        )
        await scheduler.run_until_stopped()


if __name__ == "__main__":
    asyncio.run(main())
