"""Rows that something else has damaged cost what they are of, and nothing besides."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import fail_after

from rota import AsyncScheduler, DeserializationError, IntervalTrigger, JobFilter, JobOutcome
from rota.datastores.sql._sqlite import SQLite
from rota.datastores.sql.tables import Tables
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.once]

#: the columns of a job but for its id, and those by which it would not be found at all
COLUMNS = sorted(
    set(Tables(SQLite(), "rota_", None).jobs.columns.keys()) - {"id", "state", "task_id"}
)
DAMAGES: list[Any] = [2**62, -(2**62), "text", b"bytes"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> str:
    return f"{tmp_path}/rota.db"


def damage(path: str, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1


async def nothing() -> str:
    return "done"


async def victim() -> None:
    """Nobody needs it."""


@pytest.mark.parametrize("value", DAMAGES, ids=repr)
@pytest.mark.parametrize("column", COLUMNS)
async def test_damaged_job_does_not_hold_up_the_others(
    path: str, column: str, value: object
) -> None:
    async with AsyncScheduler(SQLAlchemyDataStore(f"sqlite:///{path}")) as scheduler:
        await scheduler.configure_task("victim", func=victim)
        await scheduler.add_job("victim")
        damage(path, f"UPDATE rota_jobs SET {column} = ?", value)
        await scheduler.start_in_background()
        with fail_after(20):
            assert await scheduler.run_job(nothing) == "done"


async def logged(caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    with fail_after(20):
        while not caplog.records:  # noqa: ASYNC110 - a record of the log is what is waited for
            await anyio.sleep(0.01)  # noqa: TID251 - a real scheduler on a real file
    (record,) = caplog.records
    return record


async def test_damaged_job_is_logged_and_gone(path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "rota")
    async with AsyncScheduler(SQLAlchemyDataStore(f"sqlite:///{path}")) as scheduler:
        await scheduler.configure_task("victim", func=victim)
        job_id = await scheduler.add_job("victim", result_expiration_time=60)
        damage(path, "UPDATE rota_jobs SET created_at = ?", 2**62)
        await scheduler.start_in_background()
        record = await logged(caplog)
        result = await scheduler.get_job_result(job_id)
        assert result is not None
        assert result.outcome is JobOutcome.deserialization_failed
        assert await scheduler.get_jobs() == []
    assert record.__dict__["event"] == "job.unreadable"
    assert record.__dict__["job_id"] == str(job_id)


@pytest.mark.parametrize("column", ["timeout", "max_delay", "abandoned", "metadata"])
async def test_damaged_task_fails_its_own_jobs_only(path: str, column: str) -> None:
    async with AsyncScheduler(SQLAlchemyDataStore(f"sqlite:///{path}")) as scheduler:
        await scheduler.configure_task("victim", func=victim)
        job_id = await scheduler.add_job("victim", result_expiration_time=60)
        damage(path, f"UPDATE rota_tasks SET {column} = '-5' WHERE id = 'victim'")
    async with AsyncScheduler(SQLAlchemyDataStore(f"sqlite:///{path}")) as scheduler:
        assert [task.id for task in await scheduler.get_tasks()] == []
        await scheduler.start_in_background()
        with fail_after(20):
            result = await scheduler.get_job_result(job_id)
            assert await scheduler.run_job(nothing) == "done"
    assert result is not None
    assert result.outcome is JobOutcome.error
    assert "task 'victim' cannot be read" in str(result.exception)


@pytest.mark.parametrize(("column", "value"), [("finished_at", 2**62), ("outcome", "zzz")])
async def test_damaged_result_is_an_error_of_its_own(path: str, column: str, value: object) -> None:
    async with AsyncScheduler(SQLAlchemyDataStore(f"sqlite:///{path}")) as scheduler:
        await scheduler.start_in_background()
        job_id = await scheduler.add_job(nothing, result_expiration_time=60)
        with fail_after(20):
            await scheduler.get_job_result(job_id)
        damage(path, f"UPDATE rota_job_results SET {column} = ?", value)
        with pytest.raises(DeserializationError, match=r"^the result cannot be read"):
            await scheduler.get_job_result(job_id)


async def test_schedule_that_cannot_be_read_is_logged(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "rota")
    async with AsyncScheduler(SQLAlchemyDataStore(f"sqlite:///{path}")) as scheduler:
        await scheduler.configure_task("victim", func=victim)
        await scheduler.add_schedule("victim", IntervalTrigger(hours=1), id="broken")
        damage(path, "UPDATE rota_schedules SET metadata = 'x'")
        await scheduler.start_in_background()
        record = await logged(caplog)
    assert record.getMessage().startswith("schedule 'broken' cannot be read, and does not fire: ")


@pytest.mark.parametrize(
    ("statement", "tags"),
    [
        ("DELETE FROM rota_tasks WHERE id = 'victim'", []),
        ("UPDATE rota_tasks SET tags = '{' WHERE id = 'victim'", ["x"]),
    ],
)
async def test_lost_or_damaged_task_does_not_hold_up_the_others(
    path: str, statement: str, tags: list[str]
) -> None:
    ran = anyio.Event()

    async def sound() -> None:
        ran.set()

    store = SQLAlchemyDataStore(f"sqlite:///{path}")
    async with AsyncScheduler(store, accept=JobFilter(tags=tags) if tags else None) as scheduler:
        for id_, func in {"victim": victim, "sound": sound}.items():
            await scheduler.configure_task(id_, func=func, tags=["x"])
            await scheduler.add_schedule(id_, IntervalTrigger(seconds=0.2), id=id_)
            await scheduler.add_job(id_, run_at=datetime.now(timezone.utc))  # noqa: TID251 - real time
        damage(path, statement)
        await scheduler.start_in_background()
        for _ in range(3):
            with fail_after(20):
                await ran.wait()
            ran = anyio.Event()
        schedule = await scheduler.get_schedule("victim")
        assert (schedule.error is not None) is statement.startswith("DELETE")
        assert scheduler.health.problems == {}
