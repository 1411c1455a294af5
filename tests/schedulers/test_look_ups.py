"""What is looked for by ids that nothing can have, and look-ups that many jobs need at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anyio import create_task_group

from rota import (
    AsyncScheduler,
    MemoryDataStore,
    ScheduleLookupError,
    Task,
    TaskLookupError,
)
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from tests._services import drop_tables, need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rota.abc import DataStore

pytestmark = pytest.mark.anyio

IMPOSSIBLE = ["a\0b", "\ud800", "x" * 100_000, ""]
PREFIX = "lookups_"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(
    params=[
        "memory",
        *(
            pytest.param(name, marks=pytest.mark.once)
            for name in ("sqlite", "postgresql+asyncpg", "postgresql+psycopg", "mariadb")
        ),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DataStore]:
    if request.param == "memory":
        yield MemoryDataStore()
        return
    if request.param == "sqlite":
        yield SQLAlchemyDataStore(f"sqlite:///{tmp_path / 'store.sqlite3'}")
        return
    service, _, _ = request.param.partition("+")
    user = "root" if service == "mariadb" else "postgres"
    url = f"{request.param}://{user}@{need(service)}/test"
    yield SQLAlchemyDataStore(url, table_prefix=PREFIX)
    drop_tables(url, PREFIX)


async def test_what_cannot_be_an_id_is_not_found(store: DataStore) -> None:
    async with AsyncScheduler(store) as scheduler:
        for id_ in IMPOSSIBLE:
            for look in (
                scheduler.get_schedule,
                scheduler.pause_schedule,
                scheduler.unpause_schedule,
                scheduler.run_schedule,
                scheduler.update_schedule,
            ):
                with pytest.raises(ScheduleLookupError):
                    await look(id_)
            with pytest.raises(TaskLookupError):
                await scheduler.add_job(id_)
            await scheduler.remove_schedule(id_)


async def test_what_is_no_id_is_told(store: DataStore) -> None:
    no_uuid: Any = "f" * 32
    no_text: Any = 5
    async with AsyncScheduler(store) as scheduler:
        for look in (scheduler.get_job_result, scheduler.cancel_job):
            with pytest.raises(
                TypeError, match=r"^the id of a job must be a uuid.UUID, .*got the str 'ffff"
            ):
                await look(no_uuid)
        with pytest.raises(
            TypeError, match=r"^the id of a job must be a uuid.UUID, .*got the int 5$"
        ):
            await scheduler.get_jobs([no_text])
        for schedule_look in (scheduler.get_schedule, scheduler.remove_schedule):
            with pytest.raises(TypeError, match=r"^an id must be of type str, got: 5$"):
                await schedule_look(no_text)
        with pytest.raises(TypeError, match=r"^ids must be a collection of ids, got: 'abc'$"):
            await scheduler.get_schedules("abc")


class CountingStore(MemoryDataStore):
    def __init__(self) -> None:
        super().__init__()
        self.looked_up = 0

    async def get_task(self, task_id: str) -> Task:
        self.looked_up += 1
        from anyio.lowlevel import checkpoint

        await checkpoint()
        return await super().get_task(task_id)


async def job() -> None:
    pass


async def test_jobs_that_start_together_look_their_task_up_once() -> None:
    store = CountingStore()
    async with AsyncScheduler(store) as scheduler:
        await scheduler.configure_task("task", func=job)
        before = store.looked_up
        async with create_task_group() as group:
            for _ in range(100):
                group.start_soon(scheduler._tasks.runnable, "task")
        assert store.looked_up == before + 1
        with pytest.raises(TaskLookupError):
            await scheduler._tasks.runnable("unknown")
        assert (await scheduler._tasks.runnable("task")).func is job
