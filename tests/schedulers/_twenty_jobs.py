"""A program that is told to end while twenty jobs run: half of them can finish in time, half cannot.

    _twenty_jobs.py asyncio|trio|blocking DEADLINE_SECONDS

It prints `running` when all of them run, and what becomes of each; its log goes to standard error.
"""

from __future__ import annotations

import logging
import sys
import threading

import anyio

from rota import AsyncScheduler, JobReleased, Scheduler

KIND, DEADLINE_SECONDS = sys.argv[1], float(sys.argv[2])
SHORT_SECONDS = 0.8
started: list[int] = []


def _count() -> None:
    started.append(1)
    if len(started) == 20:
        say("running")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def short() -> None:
    """Take a while, but less than the deadline."""
    _count()
    await anyio.sleep(SHORT_SECONDS)  # noqa: TID251 - a real program in real time


async def endless() -> None:
    """Run until it is cancelled."""
    _count()
    await anyio.sleep_forever()


def blocking() -> None:
    """Block a thread for ever."""
    _count()
    threading.Event().wait()


def tell(event: JobReleased) -> None:
    """Print how a job ended."""
    say(f"{event.task_id.split(':')[1]} {event.outcome.name}")


KINDS = (short, endless, blocking)


async def run_asynchronous() -> None:
    """Run the jobs in the foreground of an event loop."""
    async with AsyncScheduler(shutdown_timeout=DEADLINE_SECONDS) as scheduler:
        scheduler.subscribe(tell, JobReleased)
        for number in range(20):
            func = KINDS[number % 3] if number else short
            await scheduler.configure_task(func, max_running_jobs=None)
            await scheduler.add_job(func)
        await scheduler.run_until_stopped()
        await scheduler.wait_until_stopped()


def run_blocking() -> None:
    """Run the jobs in the foreground of a plain program."""
    with Scheduler(shutdown_timeout=DEADLINE_SECONDS) as scheduler:
        scheduler.subscribe(tell, JobReleased)
        for number in range(20):
            func = KINDS[number % 3] if number else short
            scheduler.configure_task(func, max_running_jobs=None)
            scheduler.add_job(func)
        scheduler.run_until_stopped()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    if KIND == "blocking":
        run_blocking()
    else:
        anyio.run(run_asynchronous, backend=KIND)
