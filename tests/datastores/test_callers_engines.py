"""A store on an engine that the caller has made works in the isolation that it relies on."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from logging import getLogger
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool

from rota._environment import SystemClock
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Connection, Table
    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.datastores.conftest import Place

pytestmark = [pytest.mark.anyio, pytest.mark.once]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def started(
    place: Place, engine: AsyncEngine
) -> AsyncIterator[tuple[SQLAlchemyDataStore, SQLAlchemyDataStore]]:
    """Start a store on an engine of the caller, and its second one for leases."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        broker = LocalEventBroker()
        await broker.start(stack, getLogger("rota"), SystemClock())
        store = SQLAlchemyDataStore(engine, schema=place.schema)
        await store.start(stack, broker, getLogger("rota"), SystemClock())
        handle = store.lease_handle()
        assert handle is not None
        await handle.start(stack, broker, getLogger("rota"), SystemClock())
        yield store, handle


@pytest.mark.parametrize("level", ["READ UNCOMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
async def test_isolation_of_the_engine_does_not_matter(place: Place, level: str) -> None:
    if place.url.startswith("sqlite"):
        pytest.skip("its transactions are serializable whatever is said")
    if "asyncpg" in place.url and level == "READ UNCOMMITTED":
        pytest.skip("the driver has no such level")
    engine = create_async_engine(place.url, isolation_level=level)
    async with started(place, engine) as (store, handle):
        level_of = partial(_level, table=store._base.tables.version)
        for each in (store, handle):
            assert await each._transactions.write(level_of) == "READ COMMITTED"
            if "mariadb" in place.url:  # others may read without a transaction
                assert await each._transactions.read(level_of) == "READ COMMITTED"
        async with engine.connect() as connection:
            assert await connection.run_sync(level_of) == level, "the caller's own use is affected"


async def test_isolation_of_the_options_of_an_engine_is_refused(place: Place) -> None:
    """What SQLAlchemy sets for each connection of such an engine comes after what a store sets."""
    if place.url.startswith("sqlite"):
        pytest.skip("its transactions are serializable whatever is said")
    engine = create_async_engine(place.url)
    with pytest.raises(ValueError, match="no isolation level in its execution options"):
        SQLAlchemyDataStore(engine.execution_options(isolation_level="AUTOCOMMIT"))
    await engine.dispose()


async def test_transactions_are_whole_on_an_engine_that_commits_by_itself(place: Place) -> None:
    if place.url.startswith("sqlite"):
        pytest.skip("its transactions are begun by hand")
    engine = create_async_engine(place.url, isolation_level="AUTOCOMMIT")
    async with started(place, engine) as (store, _):
        slots = store._base.tables.slots

        def add(connection: Connection, *, fails: bool) -> None:
            connection.execute(insert(slots).values(task_id="slot"))
            if fails:
                raise ZeroDivisionError

        def added(connection: Connection) -> list[str]:
            return list(connection.execute(select(slots.c.task_id)).scalars())

        with pytest.raises(ZeroDivisionError):
            await store._transactions.write(partial(add, fails=True))
        assert await store._transactions.read(added) == []
        await store._transactions.write(partial(add, fails=False))
        assert await store._transactions.read(added) == ["slot"]


@pytest.mark.parametrize("place", ["mariadb"], indirect=True)
async def test_isolation_costs_one_statement_of_a_transaction(place: Place) -> None:
    """What is sent when a connection is given back can be cancelled, which costs the pool the connection."""
    sent = text("SHOW SESSION STATUS WHERE Variable_name IN ('Com_set_option', 'Com_commit')")

    def counted(connection: Connection) -> dict[str, int]:
        return {name: int(value) for name, value in connection.execute(sent)}

    async with started(place, create_async_engine(place.url)) as (store, _):
        before, after = [await store._transactions.read(counted) for _ in range(2)]
    assert after["Com_set_option"] - before["Com_set_option"] == 1
    assert after["Com_commit"] == before["Com_commit"]


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


_LEVEL = (
    "SELECT trx_isolation_level FROM information_schema.innodb_trx"
    " WHERE trx_mysql_thread_id = CONNECTION_ID()"
)


def _level(connection: Connection, table: Table) -> str:
    """Return the isolation of the transaction, which on MariaDB can differ from that of the session."""
    if "mariadb" not in connection.dialect.name:
        return connection.get_isolation_level()
    connection.execute(select(table)).all()  # this begins it
    connection.execute(text("SELECT SLEEP(0.2)"))  # the list is renewed every tenth of a second
    level: str = connection.execute(text(_LEVEL)).scalar_one()
    return level
