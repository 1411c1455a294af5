"""The tables have a version: they are made and upgraded once, whoever comes first, and refused if they are newer."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from sqlalchemy import Column, Engine, Integer, event, insert, inspect, text, update
from sqlalchemy.ext.asyncio import create_async_engine

from rota._environment import SystemClock
from rota.datastores.sql import schema
from rota.datastores.sql._mysql import MySQL
from rota.datastores.sql.engines import dialect_of
from rota.datastores.sql.tables import Tables
from rota.datastores.sqlalchemy import SchemaVersionError, SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker
from rota.testing._datastore._fixtures import make_job, make_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Connection, Table

    from tests.datastores.conftest import Place

pytestmark = [pytest.mark.anyio, pytest.mark.once]

LATER = schema.VERSION + 1
NODES = 8


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def started(store: SQLAlchemyDataStore) -> AsyncIterator[SQLAlchemyDataStore]:
    """Start a store, and stop it at the end of the block."""
    async with AsyncExitStack() as exit_stack:
        await store.start(exit_stack, LocalEventBroker(), logging.getLogger("rota"), SystemClock())
        yield store


async def start(store: SQLAlchemyDataStore) -> None:
    """Start a store and stop it again."""
    async with started(store):
        pass


async def set_version(place: Place, version: int) -> None:
    engine = create_async_engine(place.url)
    tables = Tables(dialect_of(engine.url), "rota_", place.schema)
    async with engine.begin() as connection:
        await connection.execute(update(tables.version).values(version=version))
    await engine.dispose()


class Upgrade:
    """A step to the next version: a table with a row for each time that it was made."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures

    def __call__(self, connection: Connection, tables: Tables) -> None:
        table = tables._table("news", Column("number", Integer))
        table.create(connection, checkfirst=True)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("cut short")
        connection.execute(insert(table).values(number=1))
        tables.metadata.remove(table)


async def rows_of_upgrade(place: Place) -> int:
    engine = create_async_engine(place.url)
    prefix = f"{place.schema}." if place.schema else ""
    async with engine.connect() as connection:
        found = await connection.execute(text(f"SELECT count(*) FROM {prefix}rota_news"))
        number: int = found.scalar_one()
    await engine.dispose()
    return number


def release(monkeypatch: pytest.MonkeyPatch, step: Upgrade) -> None:
    """Let this rota be one that knows a later version."""
    monkeypatch.setattr(schema, "VERSION", LATER)
    monkeypatch.setitem(schema.STEPS, LATER - 1, step)


async def test_tables_are_made_at_the_first_start(place: Place) -> None:
    await start(place.store())
    assert await place.store().schema_version() == SQLAlchemyDataStore.SCHEMA_VERSION


async def test_start_that_was_cut_short_leaves_no_index_out(place: Place) -> None:
    """On MariaDB each table and each index comes to stay at once."""
    cut = True

    def cut_short(_c: object, _x: object, statement: str, *_: object) -> None:
        if cut and "INDEX" in statement and "jobs_fire_time" in statement:
            raise RuntimeError("cut short")

    event.listen(Engine, "before_cursor_execute", cut_short)
    try:
        with pytest.raises(RuntimeError, match="cut short"):
            await start(place.store())
    finally:
        cut = False
        event.remove(Engine, "before_cursor_execute", cut_short)
    await start(place.store())

    engine = create_async_engine(place.url)
    tables = Tables(dialect_of(engine.url), "rota_", place.schema)
    async with engine.connect() as connection:
        for table in tables.metadata.tables.values():
            indexes = await connection.run_sync(_indexes, table)
            assert {index.name for index in table.indexes} <= indexes
    await engine.dispose()


def _indexes(connection: Connection, table: Table) -> set[str | None]:
    found = inspect(connection).get_indexes(table.name, schema=table.schema)
    return {index["name"] for index in found}


async def test_names_may_have_what_formats_and_parameters_are_made_of(place: Place) -> None:
    async with started(place.store(table_prefix="a%b:c{0}_")) as store:
        await store.add_task(make_task(max_running_jobs=2))
        await store.add_task(make_task(id="other", max_running_jobs=2))
        await store.add_jobs([make_job(), make_job(task_id="other")])
        acquired = await store.acquire_jobs("s", timedelta(minutes=1), 10)
        assert len(acquired.items) == 2


async def test_tables_are_made_on_demand(place: Place) -> None:
    store = place.store()
    assert await store.schema_version() is None
    await store.upgrade()
    assert await store.schema_version() == SQLAlchemyDataStore.SCHEMA_VERSION
    await start(store)


async def test_stores_that_start_at_once_make_the_tables_once(place: Place) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(NODES):
            tasks.start_soon(start, place.store())
    assert await place.store().schema_version() == SQLAlchemyDataStore.SCHEMA_VERSION


async def test_stores_with_different_prefixes_do_not_meet(place: Place) -> None:
    await start(place.store())
    assert await place.store(table_prefix="other_").schema_version() is None


async def tasks_of(store: SQLAlchemyDataStore, *, add: str = "") -> list[str]:
    """Start a store, add a task if one is named, and return the ids of all; stop it again."""
    async with started(store):
        if add:
            await store.add_task(make_task(add))
        return [task.id for task in await store.get_tasks()]


async def test_starting_from_scratch_erases_what_is_there_and_nothing_else(place: Place) -> None:
    assert await tasks_of(place.store(start_from_scratch=True), add="a") == ["a"]
    assert await tasks_of(place.store(table_prefix="other_"), add="b") == ["b"]
    assert await tasks_of(place.store()) == ["a"]
    assert await tasks_of(place.store(start_from_scratch=True), add="c") == ["c"]
    assert await tasks_of(place.store()) == ["c"]
    assert await tasks_of(place.store(table_prefix="other_")) == ["b"]


async def test_newer_tables_are_refused_by_name(place: Place) -> None:
    await start(place.store())
    await set_version(place, 99)
    name = f"{place.schema}.rota_" if place.schema else "rota_"
    message = rf"the tables {name}\* are of schema version 99, but this rota knows versions up to"
    with pytest.raises(SchemaVersionError, match=message):
        await start(place.store())
    with pytest.raises(SchemaVersionError, match=message):
        await place.store().upgrade()
    assert await place.store().schema_version() == 99


async def test_older_tables_are_upgraded_once_by_stores_that_start_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(place.store())
    release(monkeypatch, Upgrade())
    async with anyio.create_task_group() as tasks:
        for _ in range(NODES):
            tasks.start_soon(start, place.store())
    assert await place.store().schema_version() == LATER
    assert await rows_of_upgrade(place) == 1


async def test_who_has_the_lock_next_sees_what_was_done(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the lock does not end with the transaction, it must not be given back before that."""
    if "mariadb" not in place.url:
        pytest.skip("the lock ends with the transaction")
    unlock = MySQL.unlock_schema

    def unlock_and_dawdle(self: MySQL, connection: Connection, name: str) -> None:
        unlock(self, connection, name)
        connection.execute(text("SELECT SLEEP(0.2)"))

    await start(place.store())
    monkeypatch.setattr(MySQL, "unlock_schema", unlock_and_dawdle)
    release(monkeypatch, Upgrade())
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(start, place.store())
    assert await rows_of_upgrade(place) == 1


async def test_older_tables_are_refused_where_that_is_wanted(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(place.store())
    release(monkeypatch, Upgrade())
    with pytest.raises(SchemaVersionError, match="upgrade them with `rota db upgrade`"):
        await start(place.store(upgrade=False))
    await place.store().upgrade()
    await start(place.store(upgrade=False))


async def test_upgrade_that_was_cut_short_is_done_at_the_next_start(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(place.store())
    release(monkeypatch, Upgrade(failures=1))
    with pytest.raises(RuntimeError, match="cut short"):
        await start(place.store())
    await start(place.store())
    assert await place.store().schema_version() == LATER
    assert await rows_of_upgrade(place) == 1


async def test_jobs_of_version_1_run_on(place: Place) -> None:
    """Version 2 knows serial jobs: the others are not."""
    job = make_job()
    await tasks_of(place.store(), add="task")
    async with started(place.store()) as store:
        await store.add_jobs([job])
    await back_to_version_1(place)
    with pytest.raises(SchemaVersionError, match="are of schema version 1, but this rota needs"):
        await start(place.store(upgrade=False))
    async with started(place.store()) as store:
        assert await store.schema_version() == schema.VERSION
        claimed = await store.acquire_jobs("A", timedelta(seconds=30), 1)
        assert [(each.id, each.serial) for each in claimed.items] == [(job.id, False)]


async def back_to_version_1(place: Place) -> None:
    """Turn the tables into those that an earlier rota has made."""
    engine = create_async_engine(place.url)
    tables = Tables(dialect_of(engine.url), "rota_", place.schema)
    prefix = f"{place.schema}." if place.schema else ""
    async with engine.begin() as connection:
        await connection.execute(text(f"ALTER TABLE {prefix}rota_jobs DROP COLUMN serial"))
        await connection.execute(update(tables.version).values(version=1))
    await engine.dispose()
