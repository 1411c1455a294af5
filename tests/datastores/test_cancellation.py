"""What is cancelled while it uses SQLite goes on to its end, and leaves the database to the others."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from logging import getLogger
from typing import TYPE_CHECKING

import pytest
from anyio import fail_after, move_on_after
from sqlalchemy import text

from rota._environment import SystemClock
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker
from rota.testing._datastore._fixtures import make_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy import Connection

pytestmark = [pytest.mark.anyio, pytest.mark.once]

LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT count(*) FROM n"
NOTE = "INSERT INTO rota_task_slots VALUES ('note')"
color = ContextVar("color", default="none")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["memory", "file"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "" if request.param == "memory" else f"/{tmp_path}/rota.db"


@pytest.fixture(params=["sqlite", "sqlite+aiosqlite"])
def url(request: pytest.FixtureRequest, path: str) -> str:
    return f"{request.param}://{path}"


@asynccontextmanager
async def started(url: str) -> AsyncIterator[SQLAlchemyDataStore]:
    async with AsyncExitStack() as stack:
        broker = LocalEventBroker()
        await broker.start(stack, getLogger("rota"), SystemClock())
        store = SQLAlchemyDataStore(url)
        await store.start(stack, broker, getLogger("rota"), SystemClock())
        await store.add_task(make_task())
        yield store


class Work:
    """Takes its time, and tells when it has begun."""

    def __init__(self, *, fails: bool = False) -> None:
        self.begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._fails = fails

    def write(self, connection: Connection) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)  # the driver may be used in a thread
        connection.execute(text(LONG))
        if self._fails:
            raise TimeoutError("it is to be tried again")
        connection.execute(text(NOTE))

    def read(self, connection: Connection) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)
        connection.execute(text(LONG))


async def is_noted(store: SQLAlchemyDataStore) -> bool:
    query = text("SELECT count(*) FROM rota_task_slots WHERE task_id = 'note'")
    return await store._transactions.read(
        lambda connection: connection.execute(query).scalar_one() == 1
    )


async def is_usable(store: SQLAlchemyDataStore) -> bool:
    with fail_after(5):
        await store.add_task(make_task(id="another"))
        return len(await store.get_tasks()) == 2


async def test_cancelled_write_is_finished_first(url: str) -> None:
    async with started(url) as store:
        work = Work()
        task = asyncio.create_task(store._transactions.write(work.write))
        await work.begun.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.wait([task], timeout=0.001)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await is_noted(store)
        assert await is_usable(store)


async def test_cancelled_read_does_not_cost_the_connection(url: str) -> None:
    async with started(url) as store:
        work = Work()
        task = asyncio.create_task(store._transactions.read(work.read))
        await work.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await is_usable(store)


async def test_those_who_wait_for_their_turn_can_be_cancelled(url: str) -> None:
    async with started(url) as store:
        first, second = Work(), Work()
        tasks = [
            asyncio.create_task(store._transactions.write(work.write)) for work in (first, second)
        ]
        await first.begun.wait()
        tasks[1].cancel()
        await asyncio.wait(tasks)
        assert not tasks[0].cancelled()
        assert tasks[1].cancelled()
        assert await is_usable(store)


async def test_cancelled_attempt_that_fails_is_not_tried_again(url: str) -> None:
    async with started(url) as store:
        work = Work(fails=True)
        task = asyncio.create_task(store._transactions.write(work.write))
        await work.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not await is_noted(store)
        assert await is_usable(store)


async def test_scope_of_anyio_that_is_cancelled_waits_too(url: str) -> None:
    async with started(url) as store:
        with move_on_after(0.001) as scope:
            await store._transactions.write(Work().write)
            await asyncio.Event().wait()
        assert scope.cancelled_caught
        assert await is_noted(store)
        assert await is_usable(store)


async def test_work_sees_the_context_of_its_caller(url: str) -> None:
    async with started(url) as store:
        color.set("red")
        assert await store._transactions.read(lambda _connection: color.get()) == "red"
