"""A fire time has one job, also if another transaction has written one for it and has not ended yet."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from anyio import Event, create_task_group, fail_after
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from rota._environment import SystemClock
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker
from rota.testing._datastore._fixtures import (
    add,
    claim_one_schedule,
    fire,
    make_job,
    make_schedule,
    make_task,
    only,
)
from tests.datastores.conftest import SERVERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.datastores.conftest import Place

pytestmark = [pytest.mark.anyio, pytest.mark.once]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def store(place: Place, engine: AsyncEngine) -> AsyncIterator[SQLAlchemyDataStore]:
    store = SQLAlchemyDataStore(engine, schema=place.schema)
    async with AsyncExitStack() as exit_stack:
        broker, logger, clock = LocalEventBroker(), logging.getLogger("rota"), SystemClock()
        await broker.start(exit_stack, logger, clock)
        await store.start(exit_stack, broker, logger, clock)
        await store.add_task(make_task())
        yield store


# On SQLite there is one transaction at a time.
@pytest.mark.parametrize("place", SERVERS, indirect=True)
@pytest.mark.parametrize("is_committed", [False, True], ids=["rolled-back", "committed"])
async def test_fire_time_whose_job_is_being_written_by_another_is_neither_lost_nor_fired_twice(
    place: Place, engine: AsyncEngine, store: SQLAlchemyDataStore, is_committed: bool
) -> None:
    await add(store, make_schedule())
    schedule = await claim_one_schedule(store)
    result = fire(schedule)
    theirs = make_job(
        schedule_id=schedule.id, scheduled_fire_time=only(result.jobs).scheduled_fire_time
    )
    inserting = Event()

    def note(_c: object, _cursor: object, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO") and "rota_jobs" in statement:
            inserting.set()

    async def release() -> None:
        assert await store.release_schedules("A", [result]) == set()

    others = create_async_engine(place.url)
    async with others.connect() as connection:
        await store.within(connection).add_jobs([theirs])
        event.listen(engine.sync_engine, "before_cursor_execute", note)
        with fail_after(20):
            async with create_task_group() as group:
                group.start_soon(release)
                await inserting.wait()
                await (connection.commit() if is_committed else connection.rollback())
    await others.dispose()

    (job,) = await store.get_jobs()
    assert job.id == (theirs if is_committed else only(result.jobs)).id
    assert (await claim_one_schedule(store, "B")).next_fire_time == result.next_fire_time
