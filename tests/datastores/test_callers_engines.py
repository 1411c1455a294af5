"""A store on an engine that the caller has made works in the isolation that it relies on."""

from __future__ import annotations

from contextlib import AsyncExitStack
from logging import getLogger
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool

from rota._environment import SystemClock
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tests.datastores.conftest import Place

pytestmark = [pytest.mark.anyio, pytest.mark.once]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("level", ["READ UNCOMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
async def test_isolation_of_the_engine_does_not_matter(place: Place, level: str) -> None:
    if place.url.startswith("sqlite"):
        pytest.skip("its transactions are serializable whatever is said")
    if "asyncpg" in place.url and level == "READ UNCOMMITTED":
        pytest.skip("the driver has no such level")
    engine = create_async_engine(place.url, isolation_level=level)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        broker = LocalEventBroker()
        await broker.start(stack, getLogger("rota"), SystemClock())
        store = SQLAlchemyDataStore(engine, schema=place.schema)
        await store.start(stack, broker, getLogger("rota"), SystemClock())
        handle = store.lease_handle()
        assert handle is not None
        await handle.start(stack, broker, getLogger("rota"), SystemClock())
        assert await store._write(_level) == "READ COMMITTED"
        assert await handle._write(_level) == "READ COMMITTED"
    async with engine.connect() as connection:
        assert await connection.run_sync(_level) == level  # the caller's own use is not affected
    await engine.dispose()


async def test_one_connection_for_all_is_refused(place: Place) -> None:
    engine = create_async_engine(place.url, poolclass=StaticPool)
    with pytest.raises(
        ValueError, match="a connection for each transaction, got one with a StaticPool: "
    ):
        SQLAlchemyDataStore(engine)


async def test_one_connection_is_all_there_is_in_memory() -> None:
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    assert await SQLAlchemyDataStore(engine).schema_version() is None
    await engine.dispose()


def _level(connection: Connection) -> str:
    return connection.get_isolation_level()
