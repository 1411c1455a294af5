"""A schedule in one asyncio program; nothing is stored.

Needs: rota
"""

import asyncio
from datetime import datetime

from rota import AsyncScheduler, IntervalTrigger


async def tick() -> None:
    print("Hello, the time is", datetime.now(), flush=True)


async def main() -> None:
    async with AsyncScheduler() as scheduler:
        await scheduler.add_schedule(tick, IntervalTrigger(seconds=1))
        await scheduler.run_until_stopped()


if __name__ == "__main__":
    asyncio.run(main())
