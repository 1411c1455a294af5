"""Events that come from elsewhere are not counted again."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from rota import AsyncScheduler, JobReleased, SchedulerRole
from rota._environment import new_id
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.redis import RedisEventBroker
from tests._services import need
from tests.opentelemetry.conftest import Telemetry

pytestmark = [pytest.mark.anyio, pytest.mark.once]


async def work() -> None:
    """Do nothing."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def redis_url() -> str:
    return f"redis://{need('redis')}"


async def test_job_is_counted_where_it_ran(redis_url: str, tmp_path: Path) -> None:
    channel = f"rota-{new_id().hex}"

    def scheduler(role: SchedulerRole) -> AsyncScheduler:
        store = SQLAlchemyDataStore(f"sqlite:///{tmp_path}/store.db")
        broker = RedisEventBroker(redis_url, channel=channel)
        return AsyncScheduler(store, broker, role=role)

    here, there = Telemetry(), Telemetry()
    worker, watcher = scheduler(SchedulerRole.worker), scheduler(SchedulerRole.scheduler)
    here.instrument(worker)
    there.instrument(watcher)
    async with worker, watcher:
        await worker.configure_task("work", func=work)
        await watcher.start_in_background()
        await worker.start_in_background()
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(watcher.get_next_event, JobReleased)
                await anyio.lowlevel.checkpoint()
                await watcher.add_job("work")

        outcome = {"rota.task.id": "work", "rota.job.outcome": "success"}
        assert here.values("rota.job.ended") == [(outcome, 1)]
        assert there.values("rota.job.ended") == []
