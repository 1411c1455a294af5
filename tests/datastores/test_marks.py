"""The marks of transactions: what tells whether one was committed, and how little is left of them."""

from __future__ import annotations

from asyncio import create_task, wait
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from rota import AsyncScheduler
from rota.datastores.sql import marks
from rota.datastores.sql.engines import dialect_of
from rota.datastores.sql.tables import Tables
from tests.datastores.conftest import SERVERS

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.datastores.conftest import Place

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.once,
    pytest.mark.parametrize("place", list(SERVERS), indirect=True),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def tables(place: Place, engine: AsyncEngine) -> Tables:
    return Tables(dialect_of(engine.url), "rota_", place.schema)


def nothing() -> None:
    pass


async def test_each_connection_keeps_no_more_than_its_last_mark(
    place: Place, engine: AsyncEngine, tables: Tables
) -> None:
    async with AsyncScheduler(place.store()) as scheduler:
        await scheduler.configure_task("t", func=nothing)
        await scheduler.configure_task("limited", func=nothing, max_running_jobs=1)
        await scheduler.start_in_background()
        for number in range(20):
            task = "limited" if number % 2 else "t"
            job = await scheduler.add_job(task, result_expiration_time=60)
            await scheduler.get_job_result(job)
    async with engine.connect() as connection:
        found = await connection.execute(select(func.count()).select_from(tables.operations))
    assert 1 <= found.scalar_one() <= 5


@pytest.mark.parametrize("is_committed", [True, False])
async def test_transaction_that_has_not_ended_is_waited_for(
    place: Place, engine: AsyncEngine, tables: Tables, is_committed: bool
) -> None:
    dialect = dialect_of(engine.url)
    async with AsyncScheduler(place.store()), engine.connect() as doubtful:
        mark = await doubtful.run_sync(marks.begin)
        await doubtful.run_sync(marks.leave, tables, dialect.now)

        async def ask() -> bool:
            async with engine.connect() as connection:
                return await connection.run_sync(dialect.was_committed, tables, mark.id)

        answer = create_task(ask())
        done, _ = await wait([answer], timeout=0.2)
        assert not done
        await (doubtful.commit() if is_committed else doubtful.rollback())
        assert await answer is is_committed
        assert await ask() is is_committed  # as asking has left nothing
