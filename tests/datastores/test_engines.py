"""The engine that a store makes for a URL."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from rota.datastores.sql.engines import engine_for
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.once]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_sqlite_needs_no_driver_but_that_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aiosqlite", None)  # as if it were not installed
    store = SQLAlchemyDataStore(f"sqlite:///{tmp_path}/rota.db")
    await store.upgrade()
    assert await store.schema_version() == store.SCHEMA_VERSION


@pytest.mark.parametrize(
    ("url", "kind", "driver"),
    [
        ("sqlite:///rota.db", Engine, "pysqlite"),
        ("sqlite+aiosqlite:///rota.db", AsyncEngine, "aiosqlite"),
        ("postgresql://localhost/rota", AsyncEngine, "asyncpg"),
        ("mariadb://localhost/rota", AsyncEngine, "asyncmy"),
    ],
)
def test_url_names_the_driver_or_leaves_it_to_the_store(url: str, kind: type, driver: str) -> None:
    engine = engine_for(url)
    assert isinstance(engine, kind)
    assert engine.dialect.driver == driver
