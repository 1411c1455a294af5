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
    CHAR,
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

from rota._making import uuid_of
from rota.datastores.sql._dialect import AnyRow, Dialect, Failure, Share, Values, quoted
from rota.datastores.sql.instants import micros
from rota.datastores.sql.tables import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import (
        URL,
        BindParameter,
        ColumnElement,
        CompoundSelect,
        Connection,
        Select,
        Subquery,
        Table,
    )
    from sqlalchemy.engine import Dialect as Driver
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.sql.dml import UpdateBase
    from sqlalchemy.types import TypeEngine

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


#: whose jobs are cheaper to read by as many as may be wanted than to follow one by one
FEW_TASKS = 8

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


class _Uuid(TypeDecorator[UUID]):
    """A UUID as its hexadecimal digits."""

    impl = CHAR(32)
    cache_ok = True

    def process_bind_param(self, value: UUID | None, dialect: Driver) -> str | None:
        return None if value is None else value.hex

    def result_processor(self, dialect: Driver, coltype: object) -> Callable[[str], UUID]:
        """Return the function itself: no column of UUIDs can be empty."""
        return _uuid_of_digits


class _Array(TypeDecorator[Any]):
    """A collection of texts, numbers or UUIDs, as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: object) -> str:
        return json.dumps([v.hex if isinstance(v, UUID) else v for v in value])


class SQLite(Dialect):
    """A file of one host."""

    identifier = Text()
    uuid: TypeEngine[Any] = _Uuid()
    drivers = ("aiosqlite",)
    in_threads = True
    has_schemas = False
    is_remote = False
    writes_alone = True
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
        jobs = tables.jobs
        is_ready = jobs.c.state == JobState.limited.sql
        first_task = select(jobs.c.task_id).where(is_ready).order_by(jobs.c.task_id).limit(1)
        tasks = select(first_task.scalar_subquery().label("task_id")).cte("ready", recursive=True)
        next_task = first_task.where(jobs.c.task_id > tasks.c.task_id)
        tasks = tasks.union_all(
            select(next_task.scalar_subquery()).where(tasks.c.task_id.is_not(None))
        )
        first_rank = (
            select(jobs.c.rank)
            .where(is_ready, jobs.c.task_id == tasks.c.task_id)
            .order_by(jobs.c.rank)
            .limit(1)
            .scalar_subquery()
        )
        return select(tasks.c.task_id, first_rank.label("rank")).where(tasks.c.task_id.is_not(None))

    def first_of_tasks(
        self,
        connection: Connection,
        tables: Tables,
        state: int,
        shares: Sequence[Share],
        limit: int,
    ) -> Sequence[AnyRow]:
        """Read the jobs of few tasks; follow those of many in the index, always going on where the rank is lowest."""
        jobs = tables.jobs
        if len(shares) <= FEW_TASKS:
            few = _first_of_few_tasks(tables, state, len(shares))
            return connection.execute(few, {"p_limit": limit, **_share_binds(shares)}).all()
        many = text(_FIRST_OF_MANY_TASKS.format(jobs=quoted(connection, jobs), state=state))
        binds = {"p_limit": limit, "p_counts": json.dumps([share[:2] for share in shares])}
        return connection.execute(many.columns(*jobs.c), binds).all()

    def claim_ready(
        self,
        connection: Connection,
        tables: Tables,
        shares: Sequence[Share],
        claim: Mapping[str, Any],
        limit: int,
    ) -> Sequence[AnyRow] | None:
        """Claim those of few tasks in one statement: nobody else writes as long as this transaction does."""
        if len(shares) > FEW_TASKS or not connection.dialect.update_returning:
            return None
        binds = {"p_limit": limit, **_share_binds(shares)}
        binds |= {f"p_{name}": value for name, value in claim.items()}
        statement = _claim_ready(tables, len(shares), tuple(claim))
        return connection.execute(statement, binds).all()

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


def _uuid_of_digits(digits: str) -> UUID:
    return uuid_of(int(digits, 16))


def _share_binds(shares: Sequence[Share]) -> dict[str, Any]:
    binds: dict[str, Any] = {}
    for number, (task_id, count, _) in enumerate(shares):
        binds |= {f"p_task_{number}": task_id, f"p_count_{number}": count}
    return binds


def _first_of_each(
    jobs: Table, columns: Iterable[ColumnElement[Any]], state: int, number: int
) -> list[Subquery]:
    """Return a query for the first jobs of each of some tasks."""
    return [
        select(*columns)
        .where(
            jobs.c.state == literal_column(str(state)), jobs.c.task_id == bindparam(f"p_task_{n}")
        )
        .order_by(jobs.c.rank)
        .limit(bindparam(f"p_count_{n}"))
        .subquery()
        for n in range(number)
    ]


@lru_cache
def _first_of_few_tasks(tables: Tables, state: int, number: int) -> CompoundSelect[Any]:
    first = _first_of_each(tables.jobs, tables.jobs.c, state, number)
    return union_all(*map(select, first)).order_by("rank").limit(bindparam("p_limit"))


@lru_cache
def _claim_ready(tables: Tables, number: int, names: tuple[str, ...]) -> UpdateBase:
    jobs, c = tables.jobs, tables.jobs.c
    limit: BindParameter[int] = bindparam("p_limit")
    unlimited = select(c.id, c.rank).where(c.state == JobState.open.sql).order_by(c.rank)
    first = _first_of_each(jobs, (c.id, c.rank), JobState.limited.value, number)
    ready = union_all(*map(select, [unlimited.limit(limit).subquery(), *first])).subquery()
    return (
        update(jobs)
        .where(c.id.in_(select(ready.c.id).order_by(ready.c.rank).limit(limit)))
        .values({name: bindparam(f"p_{name}") for name in names})
        .values(state=JobState.running.sql, token=c.token + 1)
        .returning(*c)
    )
