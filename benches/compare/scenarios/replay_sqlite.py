"""What an SQLite file gives to the very statements of rota: `replay_sqlite.py FILE COUNT`.

It prints jobs per second: `rota` for rota, and `run` for its statements alone.

Jobs are added to the file, which is copied, and then run while all statements are noted. These are played back on the
copy through `sqlite3` alone: without SQLAlchemy, without threads and without running a job.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import sys
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event

from rota import AsyncScheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

GROUP = 1000
COMMIT = "COMMIT"
_ran: list[None] = []


async def job() -> None:
    """Count."""
    _ran.append(None)


async def run(path: str, copy: str, count: int, noted: list[tuple[str, Any]]) -> float:
    """Run `count` jobs; copy the file before, and note the statements; return the jobs per second."""
    async with AsyncScheduler(SQLAlchemyDataStore(f"sqlite:///{path}")) as scheduler:
        await scheduler.configure_task("job", func=job, max_running_jobs=1_000_000)
        for _ in range(0, count, GROUP):
            await scheduler.add_jobs([{"func_or_task_id": "job"}] * GROUP)
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        shutil.copy(path, copy)
        _note_statements(noted)
        begin = perf_counter()
        await scheduler.start_in_background()
        while len(_ran) < count or await scheduler.get_jobs():  # noqa: ASYNC110 - see `stores.py`
            await asyncio.sleep(0.005)
        return count / (perf_counter() - begin)


def _note_statements(noted: list[tuple[str, Any]]) -> None:
    @event.listens_for(Engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        noted.append((statement, parameters))

    @event.listens_for(Engine, "commit")
    def note_commit(_connection: Any) -> None:
        noted.append((COMMIT, ()))


def replay(path: str, count: int, noted: list[tuple[str, Any]]) -> float:
    """Play statements back on a file; return the jobs per second.

    :raises RuntimeError: if jobs are left then
    """
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    begin = perf_counter()
    for statement, parameters in noted:
        if statement != COMMIT or connection.in_transaction:
            connection.execute(statement, parameters).fetchall()
    rate = count / (perf_counter() - begin)
    (left,) = connection.execute("SELECT count(*) FROM rota_jobs").fetchone()
    connection.close()
    if left:
        raise RuntimeError(f"{left} jobs are left")
    return rate


def main(path: str, count: int) -> dict[str, float]:
    """Measure both."""
    noted: list[tuple[str, Any]] = []
    copy = f"{path}.copy"
    rates = {"rota": asyncio.run(run(path, copy, count, noted))}
    return {**rates, "run": replay(copy, count, noted)}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
