"""The SQL stores keep the promises of `rota.testing.DataStoreConformance`."""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, delete, insert, select, text, update

from rota._environment import SystemClock
from rota.datastores.sql.engines import async_engine_for
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.testing._datastore import DataStoreConformance
from tests._services import need
from tests.datastores.conftest import SERVERS, drop_schema

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

    from rota.abc import Clock, DataStore
    from rota.datastores.sql._dialect import Dialect

pytestmark = pytest.mark.once

_numbers = count()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


class TestSQLite(DataStoreConformance):
    """Its clock is that of the host. What runs in threads needs no asyncio."""

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(self, request: pytest.FixtureRequest) -> Any:
        return request.param

    @pytest.fixture(autouse=True)
    def directory(self, tmp_path: Path) -> None:
        self._path = tmp_path

    def make_store(self) -> DataStore:
        return SQLAlchemyDataStore(f"sqlite:///{self._path}/{next(_numbers)}.db")


class TestAiosqlite(TestSQLite):
    """The asynchronous driver, for those who name it."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    def make_store(self) -> DataStore:
        return SQLAlchemyDataStore(f"sqlite+aiosqlite:///{self._path}/{next(_numbers)}.db")


class TestSQLiteInMemory(DataStoreConformance):
    """One connection is all there is."""

    def make_store(self) -> DataStore:
        return SQLAlchemyDataStore("sqlite://")


class _ServerStore(SQLAlchemyDataStore):
    """A store whose database has a clock that is fast by what a table says, and which may begin with empty tables."""

    starts_empty = False

    async def start(self, *args: Any) -> None:
        await super().start(*args)
        if self.starts_empty:
            await self._transactions.write(self._empty)

    def _empty(self, connection: Connection) -> None:
        for table in self._base.tables.metadata.tables.values():
            if table is not self._base.tables.version:
                connection.execute(delete(table))

    def _make_dialect(self) -> Dialect:
        dialect = super()._make_dialect()
        clock = Table("clock", MetaData(schema=self._schema), Column("fast_by", BigInteger))
        dialect.now = dialect.now + select(clock.c.fast_by).scalar_subquery()
        return dialect


class OnServer(DataStoreConformance):
    """The tables of all tests are in a schema of their own, which is gone in the end.

    The engine is the caller's here; the stores on SQLite, and those of other tests, have engines of their own.
    """

    server: str  #: one of `SERVERS`
    schema = f"rota_test_{os.getpid()}"

    @pytest.fixture(scope="class", autouse=True)
    async def engine(self, anyio_backend: str) -> AsyncIterator[AsyncEngine]:
        """Provide one engine for all tests, so that each statement is compiled once; make the schema."""
        service, url = SERVERS[self.server]
        need(service)
        engine = async_engine_for(url)
        clock = Table("clock", MetaData(schema=self.schema), Column("fast_by", BigInteger))
        async with engine.begin() as connection:
            await connection.execute(text(f"CREATE SCHEMA {self.schema}"))
            await connection.run_sync(clock.create)
            await connection.execute(insert(clock).values(fast_by=0))
        yield engine
        await drop_schema(engine, self.schema)
        await engine.dispose()

    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()

    @pytest.fixture
    def pass_time(self, engine: AsyncEngine) -> Callable[[timedelta], Awaitable[None]]:
        clock = Table("clock", MetaData(schema=self.schema), Column("fast_by", BigInteger))

        async def pass_time(duration: timedelta) -> None:
            micros = duration // timedelta(microseconds=1)
            async with engine.begin() as connection:
                await connection.execute(update(clock).values(fast_by=clock.c.fast_by + micros))

        return pass_time

    @pytest.fixture(autouse=True)
    def use_engine(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def make_store(self) -> DataStore:
        store = _ServerStore(self._engine, schema=self.schema)
        store.starts_empty = True
        return store


class TestAsyncpg(OnServer):
    server = "asyncpg"


class TestPsycopg(OnServer):
    server = "psycopg"


class TestMariaDB(OnServer):
    server = "mariadb"
