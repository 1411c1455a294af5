"""Tasks of schedulers that share a database and nothing else: no event tells one of them what another has changed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rota import AsyncScheduler, IntervalTrigger
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rota.testing import VirtualClock

pytestmark = [pytest.mark.anyio, pytest.mark.once]

HOURLY = IntervalTrigger(hours=1)


@pytest.fixture
def anyio_backend(virtual_clock: VirtualClock) -> tuple[str, object]:
    return "asyncio", virtual_clock.backend_options("asyncio")


@pytest.fixture
async def schedulers(
    tmp_path: Path, virtual_clock: VirtualClock
) -> AsyncIterator[tuple[AsyncScheduler, AsyncScheduler]]:
    """Provide two that have not been started."""
    url = f"sqlite:///{tmp_path}/rota.db"
    async with (
        AsyncScheduler(SQLAlchemyDataStore(url), clock=virtual_clock) as one,
        AsyncScheduler(SQLAlchemyDataStore(url), clock=virtual_clock) as other,
    ):
        yield one, other


def work() -> None:
    """Do nothing."""


async def test_who_only_adds_jobs_notices_changed_settings(
    schedulers: tuple[AsyncScheduler, AsyncScheduler], virtual_clock: VirtualClock
) -> None:
    web, admin = schedulers
    await web.configure_task("t", func=work)
    await virtual_clock.advance(0)  # it has heard of its own change, and knows no other
    await web.add_job("t")
    await admin.configure_task("t", metadata={"k": 1})
    await virtual_clock.advance(web.polling_interval)
    job_id = await web.add_job("t")
    (job,) = await web.get_jobs({job_id})

    assert job.metadata == {"k": 1}


async def test_change_takes_nothing_back_that_another_has_changed(
    schedulers: tuple[AsyncScheduler, AsyncScheduler], virtual_clock: VirtualClock
) -> None:
    one, other = schedulers
    await other.add_schedule(work, HOURLY)
    await virtual_clock.advance(0)
    await other.add_schedule(work, HOURLY)
    await one.configure_task(work, max_running_jobs=10, timeout=60)
    await other.add_schedule(work, HOURLY, max_instances=3)
    (task,) = await one.get_tasks()
    assert (task.max_running_jobs, task.timeout) == (10, timedelta(minutes=1))

    await other.configure_task(work, metadata={"k": 1})
    (task,) = await one.get_tasks()
    assert (task.max_running_jobs, task.metadata) == (10, {"k": 1})
