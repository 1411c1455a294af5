import asyncio

from rota.schedulers.async_ import AsyncScheduler


async def main():
    async with AsyncScheduler() as scheduler:
        # Add schedules, configure tasks here
        await scheduler.start_in_background()


asyncio.run(main())
