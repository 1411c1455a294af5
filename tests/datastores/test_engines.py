"""The engine that a store makes for a URL."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import AsyncExitStack, closing
from logging import getLogger
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from rota import AsyncScheduler
from rota._environment import SystemClock
from rota.datastores.sql.engines import engine_for
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker
from rota.testing._datastore._fixtures import make_job, make_task

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


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:S3CRET@host/db", "postgresql+asyncpg://me:***@host/db"),
        (
            "postgresql://host/db?user=me&password=S3CRET&sslpassword=S3CRET",
            "postgresql+asyncpg://host/db?password=***&sslpassword=***&user=me",
        ),
        ("mysql://host/db?passwd=S3CRET&charset=utf8mb4", "charset=utf8mb4&passwd=***"),
    ],
)
def test_secrets_of_a_url_are_not_shown(url: str, shown: str) -> None:
    text = repr(SQLAlchemyDataStore(url))
    assert "S3CRET" not in text
    assert shown in text


@pytest.mark.parametrize("is_own", [True, False], ids=["own-engine", "callers-engine"])
async def test_error_of_a_database_does_not_show_what_is_stored(
    tmp_path: Path, is_own: bool
) -> None:
    """It may be logged."""
    file = tmp_path / "rota.db"
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}")
    store = SQLAlchemyDataStore(f"sqlite:///{file}" if is_own else engine)
    async with AsyncExitStack() as exit_stack:
        exit_stack.push_async_callback(engine.dispose)
        await store.start(exit_stack, LocalEventBroker(), getLogger("rota"), SystemClock())
        await store.add_task(make_task())
        connection = exit_stack.enter_context(closing(sqlite3.connect(file)))
        connection.execute("CREATE TRIGGER t BEFORE INSERT ON rota_jobs BEGIN SELECT abs(no); END")
        with pytest.raises(OperationalError) as raised:
            await store.add_jobs([make_job(args=["S3CRET"])])

    assert "INSERT INTO rota_jobs" in str(raised.value)
    assert "S3CRET" not in str(raised.value)


async def test_store_that_is_in_use_is_refused_to_others(tmp_path: Path) -> None:
    store = SQLAlchemyDataStore(f"sqlite:///{tmp_path}/rota.db")
    async with AsyncScheduler(store):
        with pytest.raises(RuntimeError, match="this data store is in use by a scheduler already"):
            await AsyncScheduler(store).__aenter__()
    async with AsyncScheduler(store) as again:
        assert await again.get_schedules() == []
