"""The tasks of the fault tests. Each writes to the journal what it does."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta, timezone
from typing import Any

from rota import current_job
from rota._environment import SystemClock
from tests._processes import pause
from tests.faults import _journal

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def note(what: str = "ran") -> None:
    """Write down that the current job is there."""
    job = current_job.get()
    details: dict[str, Any] = {"job": str(job.id), "task": job.task_id, "attempt": job.attempt}
    if job.original_scheduled_time is not None:
        details["fire"] = (job.original_scheduled_time - EPOCH) // timedelta(microseconds=1)
        details["schedule"] = job.schedule_id
    _journal.write(what, **details)


async def run() -> None:
    note()


async def linger(seconds: float) -> str:
    """Take some time on the event loop."""
    note("began")
    await SystemClock().sleep(seconds)
    note("ended")
    return "done"


def linger_in_thread(seconds: float) -> str:
    """Take some time in a thread."""
    note("began")
    pause(seconds)
    note("ended")
    return "done"


async def block(seconds: float) -> str:
    """Block the event loop."""
    note("began")
    pause(seconds)
    note("ended")
    return "done"


async def fail(times: int) -> str:
    """Raise in the first attempts."""
    note()
    if current_job.get().attempt <= times:
        raise ValueError("not yet")
    return "done"


def die() -> None:
    """Kill the process, as the system does when there is no memory left."""
    os.kill(os.getpid(), signal.SIGKILL)


def linger_in_process(seconds: float) -> int:
    """Take some time in a process, which knows nothing of the job."""
    _journal.write("began")
    pause(seconds)
    _journal.write("ended")
    return os.getpid()


async def linger_and_leave(seconds: float) -> None:
    """Take some time on the event loop, and tell when that is over, in whatever way."""
    note("began")
    try:
        await SystemClock().sleep(seconds)
    finally:
        note("left")
