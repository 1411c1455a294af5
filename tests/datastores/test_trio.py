"""SQLite without a driver's name lasts on Trio, too; what only asyncio can run is refused there."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from logging import getLogger
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import create_task_group, fail_after
from sqlalchemy import create_engine, text

from rota._environment import SystemClock
from rota._posting import poster
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker
from rota.model import JobAdded
from rota.schedulers.async_ import AsyncScheduler
from rota.testing._datastore._fixtures import make_task
from rota.triggers import DateTrigger, IntervalTrigger
from tests.datastores.test_cancellation import LONG, NOTE, is_noted, is_usable

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

pytestmark = [pytest.mark.anyio, pytest.mark.once]


@pytest.fixture
def anyio_backend() -> str:
    return "trio"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/rota.db"


def double(number: int) -> int:
    return 2 * number


async def test_schedules_and_jobs_outlast_the_scheduler(url: str) -> None:
    async with AsyncScheduler(SQLAlchemyDataStore(url)) as scheduler:
        await scheduler.configure_task("double", func=double)
        await scheduler.add_schedule("double", IntervalTrigger(days=1), id="daily", args=[1])
        job_id = await scheduler.add_job(
            "double", args=[21], result_expiration_time=timedelta(minutes=1)
        )
    async with AsyncScheduler(SQLAlchemyDataStore(url)) as scheduler:
        await scheduler.configure_task("double", func=double)
        assert [schedule.id for schedule in await scheduler.get_schedules()] == ["daily"]
        await scheduler.start_in_background()
        with fail_after(10):
            result = await scheduler.get_job_result(job_id)
        assert result is not None
        assert result.return_value == 42


async def test_schedule_fires(url: str) -> None:
    ran = anyio.Event()

    async def job() -> None:
        ran.set()

    async with AsyncScheduler(SQLAlchemyDataStore(url)) as scheduler:
        await scheduler.configure_task("job", func=job)
        await scheduler.start_in_background()
        await scheduler.add_schedule("job", DateTrigger(SystemClock().now()))
        with fail_after(10):
            await ran.wait()


def test_lease_outlasts_a_blocked_event_loop(url: str) -> None:
    """The thread that renews leases has an event loop of its own, which is asyncio's."""
    program = """
import sys, time, trio
from datetime import timedelta
from rota import AsyncScheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

async def block() -> str:
    time.sleep(1.5)
    return "done"

async def main() -> None:
    store = SQLAlchemyDataStore(sys.argv[1])
    async with AsyncScheduler(store, lease_duration=timedelta(seconds=0.3)) as scheduler:
        await scheduler.start_in_background()
        print(await scheduler.run_job(block))

trio.run(main)
"""
    command = [sys.executable, "-c", program, url]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ)
    assert ran.stdout == "done\n", ran.stderr


async def test_those_who_listen_are_told_of_the_transaction_of_a_caller(url: str) -> None:
    told = anyio.Event()
    async with AsyncScheduler(SQLAlchemyDataStore(url)) as scheduler:
        await scheduler.configure_task("double", func=double)
        scheduler.subscribe(lambda _event: told.set(), JobAdded)
        engine = create_engine(url, connect_args={"check_same_thread": False})
        with engine.connect() as connection:
            await scheduler.add_job("double", args=[1], connection=connection)
            connection.commit()
        engine.dispose()
        with fail_after(10):
            await told.wait()
        assert len(await scheduler.get_jobs()) == 1


async def test_cancelled_write_is_finished_first(url: str) -> None:
    begun, post = anyio.Event(), poster()

    def work(connection: Connection) -> None:
        post(begun.set)
        connection.execute(text(LONG))
        connection.execute(text(NOTE))

    async with AsyncExitStack() as stack:
        broker = LocalEventBroker()
        await broker.start(stack, getLogger("rota"), SystemClock())
        store = SQLAlchemyDataStore(url)
        await store.start(stack, broker, getLogger("rota"), SystemClock())
        await store.add_task(make_task())
        ended = []

        async def write() -> None:
            await store._transactions.write(work)
            ended.append("and went on")

        async with create_task_group() as group:
            group.start_soon(write)
            await begun.wait()
            group.cancel_scope.cancel()
        assert not ended
        assert await is_noted(store)
        assert await is_usable(store)


@pytest.mark.parametrize("driver", ["aiosqlite", "aiosqlite as an engine"])
async def test_asynchronous_driver_is_refused(driver: str, tmp_path: Path) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    url = f"sqlite+aiosqlite:///{tmp_path}/rota.db"
    store = SQLAlchemyDataStore(url if driver == "aiosqlite" else create_async_engine(url))
    message = r"must be used with asyncio.*sqlite:///FILE"
    with pytest.raises(RuntimeError, match=message):
        async with AsyncScheduler(store):
            pass
