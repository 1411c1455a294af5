"""What may pass is waited for, whatever the driver; what will not is an error at once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from asyncpg import InternalClientError
from sqlalchemy import Engine, event, make_url
from sqlalchemy.exc import DBAPIError, InternalError
from tenacity import stop_after_attempt, wait_none

from rota import AsyncScheduler, RetrySettings
from rota.datastores.sql import _postgresql_arrays
from rota.datastores.sql._dialect import Failure
from rota.datastores.sql.engines import async_engine_for, dialect_of
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from tests._services import need

if TYPE_CHECKING:
    from tests.datastores.conftest import Place

pytestmark = [pytest.mark.anyio, pytest.mark.once]

DRIVERS = ["postgresql+asyncpg", "postgresql+psycopg", "mariadb+asyncmy"]
SMALL_PART = 1_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def attempts_at(url: str, caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Start a scheduler in vain; return what the log says of an outage."""
    settings = RetrySettings(stop=stop_after_attempt(3), wait=wait_none())
    scheduler = AsyncScheduler(SQLAlchemyDataStore(url, retry_settings=settings))
    caplog.set_level(logging.WARNING, "rota")
    with pytest.raises(Exception):  # noqa: B017, PT011 - each driver raises errors of its own
        await scheduler.__aenter__()
    return [r for r in caplog.records if r.__dict__.get("event") == "database.failed"]


@pytest.mark.parametrize("driver", DRIVERS)
async def test_server_that_is_not_there_is_waited_for(
    driver: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(await attempts_at(f"{driver}://root@127.0.0.1:1/test", caplog)) == 1


@pytest.mark.parametrize("driver", DRIVERS[:2])
async def test_database_that_does_not_exist_is_not_waited_for(
    driver: str, caplog: pytest.LogCaptureFixture
) -> None:
    need("postgresql")
    assert await attempts_at(f"{driver}://root@127.0.0.1/no_such_database", caplog) == []


@pytest.mark.parametrize("place", ["asyncpg", "psycopg"], indirect=True)
async def test_large_arguments_are_sent_in_parts(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_postgresql_arrays, "PART_BYTES", SMALL_PART)
    inserts: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT") and "rota_jobs" in statement:
            inserts.append(statement)

    async with AsyncScheduler(place.store()) as scheduler:
        await scheduler.configure_task("t", func=need)
        event.listen(Engine, "before_cursor_execute", note)
        try:
            texts = [str(number) * 300 for number in range(10, 20)]
            await scheduler.add_jobs([{"func_or_task_id": "t", "args": [text]} for text in texts])
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        jobs = await scheduler.get_jobs()
    assert len(inserts) == len(texts)  # none of which fits beside another
    assert sorted(job.args[0] for job in jobs) == texts


RAISE = {
    "postgresql": "DO $$ BEGIN RAISE EXCEPTION 'said by a test' USING ERRCODE = '{}'; END $$",
    "mysql": "BEGIN NOT ATOMIC SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {}; END",
}
SAID = [
    *((driver, "40001", Failure.conflict) for driver in DRIVERS[:2]),
    *((driver, "53100", Failure.outage) for driver in DRIVERS[:2]),  # the disk is full
    *((driver, "57P03", Failure.outage) for driver in DRIVERS[:2]),  # it starts
    *((driver, "42P01", Failure.final) for driver in DRIVERS[:2]),  # no such table
    (DRIVERS[2], "1213", Failure.conflict),  # a deadlock
    (DRIVERS[2], "1412", Failure.conflict),  # tables have changed
    (DRIVERS[2], "1021", Failure.outage),  # the disk is full
    (DRIVERS[2], "1114", Failure.outage),
    (DRIVERS[2], "1203", Failure.outage),  # too many connections
    (DRIVERS[2], "1226", Failure.outage),
    (DRIVERS[2], "1146", Failure.final),  # no such table
]


@pytest.mark.parametrize(("driver", "code", "kind"), SAID)
async def test_what_the_server_says_is_told_by_its_code(
    driver: str, code: str, kind: Failure
) -> None:
    need("mariadb" if "mariadb" in driver else "postgresql")
    user = "root" if "mariadb" in driver else "postgres"
    engine = async_engine_for(f"{driver}://{user}@127.0.0.1/test")
    dialect = dialect_of(engine.url)
    statement = RAISE[engine.url.get_backend_name().replace("mariadb", "mysql")].format(code)
    with pytest.raises(DBAPIError) as caught:
        async with engine.connect() as connection:
            await connection.exec_driver_sql(statement)
    await engine.dispose()
    assert dialect.kind_of(caught.value) is kind


async def test_connection_that_broke_while_it_was_made_is_an_outage() -> None:
    """As a server that is killed leaves it, now and then; SQLAlchemy knows of no connection yet."""
    broken = InternalClientError("cannot switch to state 11; another operation (2) is in progress")
    error = InternalError("SHOW TRANSACTION ISOLATION LEVEL", None, broken)
    assert dialect_of(make_url(f"{DRIVERS[0]}://")).kind_of(error) is Failure.outage
