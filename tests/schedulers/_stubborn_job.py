"""A program whose one job does not heed that it is cancelled: `_stubborn_job.py asyncio|trio|blocking`."""

from __future__ import annotations

import logging
import sys

import anyio

from rota import AsyncScheduler, Scheduler


async def stubborn() -> None:
    """Shut the cancellation out."""
    sys.stdout.write("running\n")
    sys.stdout.flush()
    with anyio.CancelScope(shield=True):
        await anyio.sleep_forever()


async def run_asynchronous() -> None:
    """Run it in the foreground of an event loop."""
    async with AsyncScheduler(shutdown_timeout=100) as scheduler:
        await scheduler.add_job(stubborn)
        await scheduler.run_until_stopped()


def run_blocking() -> None:
    """Run it in the foreground of a plain program."""
    with Scheduler(shutdown_timeout=100) as scheduler:
        scheduler.add_job(stubborn)
        scheduler.run_until_stopped()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    if sys.argv[1] == "blocking":
        run_blocking()
    else:
        anyio.run(run_asynchronous, backend=sys.argv[1])
