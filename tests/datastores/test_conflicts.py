"""Transactions that get in each other's way: the database ends one of them, which is run again as a whole."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import create_async_engine

from rota import AsyncScheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Table

    from tests.datastores.conftest import Place

pytestmark = [pytest.mark.anyio, pytest.mark.once]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def work() -> None:
    """Do nothing."""


async def test_deadlock_ends_nothing_and_leaves_nothing_out(place: Place) -> None:
    if place.url.startswith("sqlite"):
        pytest.skip("it has one writer at a time")
    store = place.store()
    attempts: list[tuple[str, str]] = []

    async with AsyncScheduler(store) as scheduler:
        for name in "ab":
            await scheduler.configure_task(name, func=work, max_running_jobs=1)
        in_turn = partial(_raise_limits, table=store._base.tables.tasks, attempts=attempts)
        await asyncio.gather(
            store._transactions.write(partial(in_turn, order=("a", "b"))),
            store._transactions.write(partial(in_turn, order=("b", "a"))),
        )
        tasks = await scheduler.get_tasks()

    assert len(attempts) == 3, "one of the two was run again"
    assert [(task.id, task.max_running_jobs) for task in tasks] == [("a", 3), ("b", 3)]


async def test_commit_that_readers_hold_up_is_tried_again(tmp_path: Path) -> None:
    """Without a write-ahead log, as in an engine of the caller, SQLite commits when nobody reads."""
    file = tmp_path / "rota.db"
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}", connect_args={"timeout": 0.05})
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        async with AsyncScheduler(SQLAlchemyDataStore(engine)) as scheduler:
            await scheduler.configure_task("first", func=work)
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM rota_tasks").fetchall()
            async with anyio.create_task_group() as group:
                group.start_soon(partial(scheduler.configure_task, "second", func=work))
                while scheduler.health.ok:
                    await anyio.lowlevel.checkpoint()
                reader.execute("ROLLBACK")
            assert [task.id for task in await scheduler.get_tasks()] == ["first", "second"]
    await engine.dispose()


def _raise_limits(
    connection: Connection,
    *,
    table: Table,
    attempts: list[tuple[str, str]],
    order: tuple[str, str],
) -> None:
    """Change two rows, the second when both transactions have changed their first."""
    first, second = (
        update(table)
        .where(table.c.id == name)
        .values(max_running_jobs=table.c.max_running_jobs + 1)
        for name in order
    )
    connection.execute(first)
    attempts.append(order)
    while len(attempts) < 2:
        connection.exec_driver_sql("SELECT 1")
    connection.execute(second)
