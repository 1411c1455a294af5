"""SQLite, through the `sqlite3` of Python in threads, or through aiosqlite.

A transaction of many statements visits a thread once; aiosqlite goes there and back several times for each statement.

It has one writer at a time, so transactions that write begin with `BEGIN IMMEDIATE`, and nothing needs row locks.
Its clock is that of the host, as the store's `Clock` tells it: those who share a file share a host.
"""

from __future__ import annotations

import json
import sqlite3
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from sqlalchemy import (
    Text,
    TypeDecorator,
    bindparam,
    func,
    literal_column,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.pool import StaticPool

from rota.datastores.sql._dialect import AnyRow, Dialect, Failure, Values, loose_scan, quoted
from rota.datastores.sql.instants import micros

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import URL, ColumnElement, CompoundSelect, Connection, Select, Table
    from sqlalchemy.ext.asyncio import AsyncEngine

    from rota.abc import Clock
    from rota.datastores.sql.tables import Tables

__all__ = ["SQLite"]

BUSY_SECONDS = 10
#: what SQLite says of errors that may pass; its codes are only known from Python 3.11 on
TRANSIENT = (
    "database is locked",
    "database table is locked",
    "database schema is locked",
    "database schema has changed",
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "locking protocol",
)


FEW_TASKS = (
    8  #: whose jobs are cheaper to read by as many as may be wanted than to follow one by one
)

_FIRST_OF_MANY_TASKS = """
WITH RECURSIVE walk(task_id, remaining, rank) AS (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), (
        SELECT rank FROM {jobs}
        WHERE state = {state} AND task_id = json_extract(value, '$[0]')
        ORDER BY rank LIMIT 1
    )
    FROM json_each(:p_counts)
    UNION ALL
    SELECT walk.task_id, remaining - 1, (
        SELECT next.rank FROM {jobs} AS next
        WHERE next.state = {state} AND next.task_id = walk.task_id AND next.rank > walk.rank
        ORDER BY next.rank LIMIT 1
    )
    FROM walk WHERE remaining > 1 AND walk.rank IS NOT NULL
    ORDER BY 3 NULLS LAST
    LIMIT :p_limit
)
SELECT jobs.* FROM walk
JOIN {jobs} AS jobs
    ON jobs.state = {state} AND jobs.task_id = walk.task_id AND jobs.rank = walk.rank
ORDER BY walk.rank
"""


class _Array(TypeDecorator[Any]):
    """A collection of texts, numbers or UUIDs, as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: object) -> str:
        return json.dumps([v.hex if isinstance(v, UUID) else v for v in value])


class SQLite(Dialect):
    """A file of one host."""

    identifier = Text()
    drivers = ("aiosqlite",)
    in_threads = True
    has_schemas = False
    is_remote = False
    now = bindparam("p_now", type_=Dialect.micros)

    def engine_options(self, url: URL) -> dict[str, Any]:
        """Have the driver leave transactions alone, and wait for other writers; let any thread use a connection."""
        options: dict[str, Any] = {
            "isolation_level": "AUTOCOMMIT",
            "connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False},
        }
        if self.is_private(url):
            options["poolclass"] = StaticPool
        return options

    def isolated(self, engine: AsyncEngine) -> AsyncEngine:
        """Return the engine itself: transactions are begun by hand here, and are serializable."""
        return engine

    def require_place(self, url: URL) -> None:
        """Refuse a file in a directory that does not exist.

        :raises FileNotFoundError: if it does not
        """
        if url.database is None or self.is_private(url):
            return
        is_uri = "uri" in url.query
        path = unquote(urlsplit(url.database).path) if is_uri else url.database
        if not Path(path).parent.is_dir():
            raise FileNotFoundError(f"the directory of the database does not exist: {path}")

    def connected(self, driver_connection: Any) -> None:
        """Have readers and the writer not wait for each other, and commits outlive a power failure."""
        cursor = driver_connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    def moment(self, clock: Clock) -> dict[str, int]:
        """Return the time of the host."""
        return {"p_now": micros(clock.now())}

    def begin(self, connection: Connection) -> None:
        """Become the one that writes."""
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def lock_schema(self, connection: Connection, name: str) -> None:
        """Rely on the transaction, which is the only one that writes."""

    def update_many(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Values],
        clear: Sequence[str] = (),
    ) -> None:
        """Set columns of many rows in one call, which SQLite runs through row by row."""
        key, *others = columns
        names = [f"p_{column}" for column in columns]
        statement = (
            update(table)
            .where(table.c[key] == bindparam(names[0], type_=table.c[key].type))
            .values({column: bindparam(f"p_{column}") for column in others})
            .values(dict.fromkeys(clear))
        )
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])

    def ready_heads(self, tables: Tables) -> Select[Any]:
        """Jump from task to task in the index."""
        return loose_scan(tables)

    def first_of_tasks(
        self,
        connection: Connection,
        tables: Tables,
        state: int,
        counts: Sequence[tuple[str, int]],
        limit: int,
    ) -> list[AnyRow]:
        """Read the jobs of few tasks; follow those of many in the index, always going on where the rank is lowest."""
        jobs = tables.jobs
        binds: dict[str, Any] = {"p_limit": limit}
        if len(counts) <= FEW_TASKS:
            for number, (task_id, count) in enumerate(counts):
                binds |= {f"p_task_{number}": task_id, f"p_count_{number}": count}
            return list(connection.execute(_first_of_few_tasks(tables, state, len(counts)), binds))
        many = text(_FIRST_OF_MANY_TASKS.format(jobs=quoted(connection, jobs), state=state))
        binds["p_counts"] = json.dumps(counts)
        return list(connection.execute(many.columns(*jobs.c), binds))

    def among(self, column: ColumnElement[Any], bind: str) -> ColumnElement[bool]:
        """Look for the elements of one JSON array, so that the text of the statement is always the same."""
        elements = func.json_each(bindparam(bind, type_=_Array())).table_valued("value")
        return column.in_(select(elements.c.value))

    def is_private(self, url: URL) -> bool:
        """Tell whether it has no file."""
        return not url.database or url.database == ":memory:" or "mode=memory" in str(url)

    def kind_of_driver_error(self, error: BaseException | None) -> Failure:
        """Go by the text of the error."""
        passes = isinstance(error, sqlite3.OperationalError) and str(error).startswith(TRANSIENT)
        return Failure.outage if passes else Failure.final


@lru_cache
def _first_of_few_tasks(tables: Tables, state: int, number: int) -> CompoundSelect[Any]:
    jobs = tables.jobs
    first = [
        select(jobs)
        .where(
            jobs.c.state == literal_column(str(state)), jobs.c.task_id == bindparam(f"p_task_{n}")
        )
        .order_by(jobs.c.rank)
        .limit(bindparam(f"p_count_{n}"))
        .subquery()
        for n in range(number)
    ]
    return union_all(*map(select, first)).order_by("rank").limit(bindparam("p_limit"))
