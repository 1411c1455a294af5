"""What a job can ask for: itself, its scheduler, and context variables that no other job has set."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

import pytest

from rota import AsyncScheduler, Job, current_async_scheduler, current_job, current_scheduler
from tests.schedulers.conftest import every_flavour

if TYPE_CHECKING:
    from rota.schedulers.sync import Scheduler
    from rota.testing import VirtualClock

pytestmark = [pytest.mark.anyio, every_flavour]

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="nothing")


async def test_job_knows_itself_and_its_scheduler(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    seen: list[tuple[Job, Scheduler | None, AsyncScheduler | None]] = []

    def look() -> None:
        seen.append((current_job.get(), current_scheduler.get(), current_async_scheduler.get()))

    job_id = await scheduler.add_job(look)
    await clock.advance(0)
    ((job, blocking, asynchronous),) = seen

    assert job.id == job_id
    assert job.schedule_id is None
    assert asynchronous is not None
    assert asynchronous.identity == scheduler.identity
    assert blocking is None or blocking.identity == scheduler.identity
    assert (blocking is None) is isinstance(scheduler, AsyncScheduler)


async def test_outside_of_jobs_there_is_none(scheduler: AsyncScheduler) -> None:
    with pytest.raises(LookupError):
        current_job.get()
    assert current_job.get(None) is None


async def test_context_variable_of_a_job_does_not_reach_the_next(scheduler: AsyncScheduler) -> None:
    async def leave() -> None:
        VARIABLE.set("left behind")

    async def look() -> str:
        return VARIABLE.get()

    await scheduler.run_job(leave)
    assert await scheduler.run_job(look) == "nothing"
