from __future__ import annotations

import asyncio
import os
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from rota.datastores.sql.engines import async_engine_for
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.testing.fixtures import virtual_clock as virtual_clock
from tests._services import need

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

    from rota.testing import VirtualClock

_numbers = count()

#: name -> service, URL
SERVERS = {
    "asyncpg": ("postgresql", "postgresql+asyncpg://postgres@127.0.0.1/test"),
    "psycopg": ("postgresql", "postgresql+psycopg://postgres@127.0.0.1/test"),
    "mariadb": ("mariadb", "mariadb+asyncmy://root@127.0.0.1/test"),
}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(
    request: pytest.FixtureRequest, virtual_clock: VirtualClock
) -> tuple[str, dict[str, Any]]:
    return request.param, virtual_clock.backend_options(request.param)


@frozen
class Place:
    """Where a store can be that nobody else uses: a database without its tables."""

    url: str
    schema: str | None = None

    def store(self, **options: Any) -> SQLAlchemyDataStore:
        """Make a store of this place."""
        return SQLAlchemyDataStore(self.url, schema=self.schema, **options)


@pytest.fixture(params=["sqlite", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Provide a place on each database in turn; the schema is not there yet, and gone in the end."""
    if request.param == "sqlite":
        yield Place(f"sqlite+aiosqlite:///{tmp_path}/rota.db")
        return
    service, url = SERVERS[request.param]
    need(service)
    schema = f"rota_place_{os.getpid()}_{next(_numbers)}"
    yield Place(url, schema)
    asyncio.run(_remove(url, schema))


@pytest.fixture
async def engine(place: Place) -> AsyncIterator[AsyncEngine]:
    """Provide an engine for the place, which a store may be given."""
    engine = async_engine_for(place.url)
    yield engine
    await engine.dispose()


async def _remove(url: str, schema: str) -> None:
    engine = create_async_engine(url)
    await drop_schema(engine, schema)
    await engine.dispose()


async def drop_schema(engine: AsyncEngine, schema: str) -> None:
    """Remove a schema with all that is in it."""
    cascade = "CASCADE" if engine.dialect.name == "postgresql" else ""
    async with engine.begin() as connection:
        await connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} {cascade}"))
