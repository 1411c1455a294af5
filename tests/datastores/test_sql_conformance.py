"""The SQL stores keep the promises of `rota.testing.DataStoreConformance`."""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import create_async_engine

from rota._environment import SystemClock
from rota.datastores.sql.engines import with_driver
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.testing._datastore import DataStoreConformance
from tests._services import need

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from rota.abc import Clock, DataStore
    from rota.datastores.sql._dialect import Dialect

_numbers = count()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


class TestSQLite(DataStoreConformance):
    """Its clock is that of the host."""

    @pytest.fixture(autouse=True)
    def directory(self, tmp_path: Path) -> None:
        self._path = tmp_path

    def make_store(self) -> DataStore:
        return SQLAlchemyDataStore(f"sqlite:///{self._path}/{next(_numbers)}.db")


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
            await self._write(self._empty)

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
    """The tables of all tests are in a schema of their own, which is gone in the end."""

    service: str
    url: str
    schema = f"rota_test_{os.getpid()}"

    @pytest.fixture(scope="class", autouse=True)
    async def database(self, anyio_backend: str) -> AsyncIterator[None]:
        need(self.service)
        engine = create_async_engine(with_driver(self.url))
        clock = Table("clock", MetaData(schema=self.schema), Column("fast_by", BigInteger))
        async with engine.begin() as connection:
            await connection.execute(text(f"CREATE SCHEMA {self.schema}"))
            await connection.run_sync(clock.create)
            await connection.execute(insert(clock).values(fast_by=0))
        yield
        async with engine.begin() as connection:
            await connection.execute(text(self.drop.format(self.schema)))
        await engine.dispose()

    drop = "DROP SCHEMA {} CASCADE"

    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()

    @pytest.fixture
    async def pass_time(
        self, anyio_backend: str
    ) -> AsyncIterator[Callable[[timedelta], Awaitable[None]]]:
        engine = create_async_engine(with_driver(self.url))
        clock = Table("clock", MetaData(schema=self.schema), Column("fast_by", BigInteger))

        async def pass_time(duration: timedelta) -> None:
            micros = duration // timedelta(microseconds=1)
            async with engine.begin() as connection:
                await connection.execute(update(clock).values(fast_by=clock.c.fast_by + micros))

        yield pass_time
        await engine.dispose()

    def make_store(self) -> DataStore:
        store = _ServerStore(self.url, schema=self.schema)
        store.starts_empty = True
        return store


class TestAsyncpg(OnServer):
    service = "postgresql"
    url = "postgresql+asyncpg://postgres@127.0.0.1/test"


class TestPsycopg(OnServer):
    service = "postgresql"
    url = "postgresql+psycopg://postgres@127.0.0.1/test"


class TestMariaDB(OnServer):
    service = "mariadb"
    url = "mariadb+asyncmy://root@127.0.0.1/test"
    drop = "DROP SCHEMA {}"
