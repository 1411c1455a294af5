"""Jobs and schedules are added in the transaction of a caller: together with his rows, or not at all."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from attrs import frozen
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, create_engine, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.model import JobAdded, ScheduleAdded, TaskLookupError
from rota.schedulers.async_ import AsyncScheduler
from rota.schedulers.sync import Scheduler
from rota.triggers import IntervalTrigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.datastores.conftest import Place

pytestmark = [pytest.mark.anyio, pytest.mark.once]

TRIGGER = IntervalTrigger(hours=1)


def job() -> None:
    """Do nothing."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@frozen
class Shop:
    """A program with a table of its own in the database of the store, and a scheduler that only adds."""

    scheduler: AsyncScheduler
    engine: AsyncEngine
    table: Table

    async def numbers(self) -> list[int]:
        async with self.engine.connect() as connection:
            return list((await connection.execute(select(self.table.c.number))).scalars())


@pytest.fixture
async def shop(place: Place) -> AsyncIterator[Shop]:
    async with AsyncScheduler(place.store()) as scheduler:
        await scheduler.configure_task("job", func=job)
        engine = create_async_engine(place.url)
        metadata = MetaData(schema=place.schema)
        table = Table("orders", metadata, Column("number", Integer, primary_key=True))
        async with engine.begin() as connection:
            await connection.run_sync(table.create)
        yield Shop(scheduler, engine, table)
        await engine.dispose()


@asynccontextmanager
async def an_async_connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.connect() as connection:
        yield connection


@asynccontextmanager
async def an_async_session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session:
        yield session


@pytest.mark.parametrize("opened", [an_async_connection, an_async_session])
async def test_what_is_rolled_back_leaves_nothing(shop: Shop, opened: Callable[..., Any]) -> None:
    async with opened(shop.engine) as connection:
        await connection.execute(shop.table.insert().values(number=1))
        await shop.scheduler.add_job("job", connection=connection)
        await shop.scheduler.add_schedule("job", TRIGGER, connection=connection)
        await connection.rollback()
    assert await shop.numbers() == []
    assert await shop.scheduler.get_jobs() == []
    assert await shop.scheduler.get_schedules() == []


@pytest.mark.parametrize("opened", [an_async_connection, an_async_session])
async def test_what_is_committed_stays(shop: Shop, opened: Callable[..., Any]) -> None:
    async with opened(shop.engine) as connection:
        await connection.execute(shop.table.insert().values(number=1))
        job_id = await shop.scheduler.add_job("job", connection=connection)
        requests = [{"func_or_task_id": "job", "trigger": TRIGGER, "id": id_} for id_ in "ab"]
        await shop.scheduler.add_schedules(requests, connection=connection)  # type: ignore[arg-type]
        await connection.commit()
    assert await shop.numbers() == [1]
    assert [job.id for job in await shop.scheduler.get_jobs()] == [job_id]
    assert [schedule.id for schedule in await shop.scheduler.get_schedules()] == ["a", "b"]


async def test_nothing_can_be_seen_before_the_commit(shop: Shop) -> None:
    async with shop.engine.connect() as connection:
        await shop.scheduler.add_job("job", connection=connection)
        assert await shop.scheduler.get_jobs() == []
        await connection.commit()
    assert len(await shop.scheduler.get_jobs()) == 1


async def test_those_who_listen_are_told_after_the_commit(shop: Shop) -> None:
    told: list[str] = []
    both = anyio.Event()

    def note(event: JobAdded | ScheduleAdded) -> None:
        told.append(type(event).__name__)
        if len(told) == 2:
            both.set()

    shop.scheduler.subscribe(note, {JobAdded, ScheduleAdded})
    async with shop.engine.connect() as connection:
        await shop.scheduler.add_job("job", connection=connection)
        await connection.rollback()
        await shop.scheduler.add_schedule("job", TRIGGER, connection=connection)
        await shop.scheduler.add_job("job", connection=connection)
        assert told == []
        await connection.commit()
    with anyio.fail_after(10):
        await both.wait()
    assert sorted(told) == ["JobAdded", "ScheduleAdded"]


async def test_unknown_task_is_refused(shop: Shop) -> None:
    async with shop.engine.connect() as connection:
        with pytest.raises(TaskLookupError):
            await shop.scheduler.add_job("other", connection=connection)


async def test_what_is_no_connection_is_refused(shop: Shop) -> None:
    message = "connection must be a connection or a session of SQLAlchemy, got: 'test'"
    with pytest.raises(TypeError, match=message):
        await shop.scheduler.add_job("job", connection="test")


async def test_store_in_memory_takes_part_in_no_transaction() -> None:
    async with AsyncScheduler() as scheduler:
        with pytest.raises(
            ValueError, match="cannot take part in a transaction, got connection: 'x'"
        ):
            await scheduler.add_job(job, connection="x")


# from programs that block

BLOCKING = {"sqlite+aiosqlite": "sqlite", "postgresql+psycopg": "postgresql+psycopg"}


@contextmanager
def a_connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@contextmanager
def a_session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


@pytest.mark.parametrize("place", ["sqlite", "psycopg"], indirect=True)
@pytest.mark.parametrize("opened", [a_connection, a_session])
def test_blocking_program_adds_in_its_transaction(place: Place, opened: Callable[..., Any]) -> None:
    driver, rest = place.url.split(":", 1)
    engine = create_engine(f"{BLOCKING[driver]}:{rest}")
    with Scheduler(place.store(), logger=logging.getLogger("rota")) as scheduler:
        scheduler.configure_task("job", func=job)
        with opened(engine) as connection:
            scheduler.add_job("job", connection=connection)
            scheduler.add_schedule("job", TRIGGER, id="a", connection=connection)
            connection.rollback()
        assert scheduler.get_jobs() == []
        with opened(engine) as connection:
            scheduler.add_job("job", connection=connection, result_expiration_time=timedelta(1))
            scheduler.add_schedule("job", TRIGGER, id="b", connection=connection)
            connection.commit()
        assert len(scheduler.get_jobs()) == 1
        assert [schedule.id for schedule in scheduler.get_schedules()] == ["b"]
    engine.dispose()


def test_commit_after_the_scheduler_was_closed_is_the_callers_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/rota.db"
    engine = create_engine(url, connect_args={"check_same_thread": False})
    with engine.connect() as connection:
        with Scheduler(SQLAlchemyDataStore(url)) as scheduler:
            scheduler.configure_task("job", func=job)
            scheduler.subscribe(lambda _event: None, JobAdded)
            job_id = scheduler.add_job("job", connection=connection)
        connection.commit()
    engine.dispose()
    with Scheduler(SQLAlchemyDataStore(url)) as scheduler:
        assert [each.id for each in scheduler.get_jobs()] == [job_id]
