"""The table that APScheduler 3 keeps its jobs in."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Float, LargeBinary, column, make_url, select, table
from sqlalchemy.exc import SQLAlchemyError

from rota.cli.apscheduler3.stored import StoredJobError
from rota.datastores.sql.engines import async_engine_for

__all__ = ["StoredJob", "stored_jobs"]


class StoredJob(NamedTuple):
    """A row.

    :param id: the id of the job
    :param next_run_time: seconds since 1970-01-01T00:00:00Z; `None` if it is paused
    :param state: a pickle
    """

    id: str
    next_run_time: float | None
    state: bytes


async def stored_jobs(url: str, name: str, schema: str | None) -> list[StoredJob]:
    """Return the rows of a job store, ordered by id.

    :param url: where the database is; its driver does not matter
    :param name: the name of the table
    """
    parsed = make_url(url)
    engine = async_engine_for(parsed.set(drivername=parsed.get_backend_name()))
    jobs = table(
        name,
        column("id"),
        column("next_run_time", Float(25)),
        column("job_state", LargeBinary),
        schema=schema,
    )
    statement = select(jobs.c.id, jobs.c.next_run_time, jobs.c.job_state).order_by(jobs.c.id)
    try:
        async with engine.connect() as connection:
            return [StoredJob(*row) for row in await connection.execute(statement)]
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StoredJobError(f"the job store cannot be read: {reason}") from None
    finally:
        await engine.dispose()
