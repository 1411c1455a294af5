import asyncio

from rota.schedulers.async_ import AsyncScheduler


async def main():
    async with AsyncScheduler() as scheduler:
        # Add schedules, configure tasks here
        await scheduler.run_until_stopped()


asyncio.run(main())
