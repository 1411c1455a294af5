"""PostgreSQL, through asyncpg or psycopg."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    func,
    lateral,
    literal_column,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from rota.datastores.sql import _postgresql_arrays as arrays, _postgresql_steps as _steps, marks
from rota.datastores.sql._dialect import (
    TABLE_LOCK_SECONDS,
    AnyEngine,
    AnyRow,
    Dialect,
    Failure,
    Share,
    Values,
    by_id_only,
    held,
)
from rota.datastores.sql.tables import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import (
        URL,
        ColumnElement,
        Connection,
        Select,
        Table,
    )
    from sqlalchemy.sql.dml import UpdateBase

    from rota.datastores.sql.base import Wanted
    from rota.datastores.sql.tables import Tables

__all__ = ["PostgreSQL"]

#: SQLSTATE classes and codes of what may pass
CONFLICTS = ("40",)
OUTAGES = (
    "08",  # connection exceptions
    "53",  # insufficient resources: too many connections, disk full
    "57P",  # the server shuts down, starts, or ended the connection
    "58",  # system errors
    "25006",  # a read-only transaction: the server has become a standby
    "25P03",  # idle in a transaction for too long
    "55P03",  # a lock was not to be had in time
)
#: what asyncpg says of a connection that has come to nothing, when it has no word of the server
BROKEN = (
    "connection is closed",
    "cannot switch to state",  # an answer was cut short
)
#: what a server says that will not let this program in, however often it asks
REFUSALS = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
)


class PostgreSQL(Dialect):
    """A server."""

    identifier = Text(collation="C")
    drivers: ClassVar[Sequence[str]] = ("asyncpg", "psycopg")
    now = literal_column(
        "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS BIGINT)", BigInteger
    )

    def engine_options(self, url: URL) -> dict[str, Any]:
        """Have the server not wait for ever for processes that have stopped."""
        settings = {
            "idle_in_transaction_session_timeout": str(self.idle_seconds * 1000),
            # A client that is lost within a message is not idle.
            "tcp_keepalives_idle": str(self.idle_seconds),
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        }
        if url.get_driver_name() == "asyncpg":
            from rota.datastores.sql._asyncpg import Connection

            arguments: dict[str, Any] = {
                "server_settings": settings,
                "connection_class": Connection,
            }
        else:
            options = " ".join(f"-c {name}={value}" for name, value in settings.items())
            arguments = {"options": options}
        return {"isolation_level": "READ COMMITTED", "connect_args": arguments}

    def readers(self, engine: AnyEngine) -> AnyEngine:
        """Save the round trips that begin and end a transaction."""
        return engine.execution_options(isolation_level="AUTOCOMMIT")

    def lock_schema(self, connection: Connection, name: str) -> None:
        """Hold an advisory lock until the end of the transaction.

        Tables that somebody reads for long, as a dump does, are not waited for: everybody else would queue behind that.
        """
        key = int.from_bytes(sha256(f"rota {name}".encode()).digest()[:8], "big", signed=True)
        connection.execute(select(func.pg_advisory_xact_lock(key)))
        connection.execute(text(f"SET LOCAL lock_timeout = '{TABLE_LOCK_SECONDS}s'"))

    # evidence of commits

    def was_committed(self, connection: Connection, tables: Tables, mark: UUID) -> bool:
        """Write the row once more, which waits for whoever has written it, and fails if that was committed."""
        values = {"id": mark, "at": self.now}
        write = insert(tables.operations).values(values).on_conflict_do_nothing()
        written = connection.execute(write.returning(tables.operations.c.id))
        is_there = written.one_or_none() is None
        connection.rollback()
        return is_there

    # sets of values

    def among(self, column: ColumnElement[Any], bind: str) -> ColumnElement[bool]:
        """Look for the elements of one array, so that the text of the statement is always the same.

        A comparison with `= ANY (array)` would be simpler. But the plan for it that the server keeps may read the whole
        table, as it was small when the plan was made, and then compares each row with each element.
        """
        elements = func.unnest(
            bindparam(bind, type_=ARRAY(arrays.element(column.type), dimensions=1))
        )
        return column.in_(select(elements.column_valued("element")))

    def pairs_among(
        self, first: ColumnElement[Any], second: ColumnElement[Any], bind: str
    ) -> ColumnElement[bool]:
        """Compare with the elements of two arrays."""
        columns = (first, second)
        bound = [
            bindparam(f"{bind}_{number}", type_=ARRAY(arrays.element(column.type), dimensions=1))
            for number, column in enumerate(columns)
        ]
        pairs = func.unnest(*bound).table_valued("first", "second").render_derived()
        return tuple_(first, second).in_(select(pairs.c.first, pairs.c.second))

    def pairs(self, bind: str, pairs: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
        """Return the two arrays."""
        return {
            f"{bind}_{number}": list(values)
            for number, values in enumerate(zip(*pairs, strict=True))
        }

    def insert_many(self, connection: Connection, table: Table, rows: Sequence[Values]) -> None:
        """Insert from one array for each column."""
        names = table.columns.keys()
        for part in arrays.parts(table, rows):
            columns = arrays.Columns.of(names, part)
            connection.execute(
                arrays.inserting(table, columns.names, columns.varying), columns.binds
            )

    def update_many(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Values],
        clear: Sequence[str] = (),
    ) -> None:
        """Update from one array for each column."""
        given = arrays.Columns.of(columns, rows)
        statement = arrays.updating(table, given.names, given.varying, tuple(clear))
        connection.execute(statement, given.binds)

    # jobs by task

    def ready_heads(self, tables: Tables) -> Select[Any]:
        """Jump from task to task in the index."""
        heads = _steps.heads(tables)
        return select(heads.c.task_id, heads.c.rank)

    def free_slots(self, tables: Tables) -> ColumnElement[int]:
        """Count in the order of an index."""
        return _steps.free_slots(tables)

    def first_of_tasks(
        self,
        connection: Connection,
        tables: Tables,
        state: int,
        shares: Sequence[Share],
        limit: int,
    ) -> Sequence[AnyRow]:
        """Look into the index once for each task."""
        names = ("p_tasks", "p_counts", "p_ranks")
        binds = dict(zip(names, map(list, zip(*shares, strict=True)), strict=True))
        statement = _first_of_tasks(tables, JobState(state))
        return connection.execute(statement, {"p_limit": limit, **binds}).all()

    # steps that are one statement

    def claim_jobs(
        self, connection: Connection, tables: Tables, owner: str, lease: int, limit: int
    ) -> tuple[int, list[AnyRow]] | None:
        """Lock the slots of tasks that have a limit, then claim, unless jobs have become due that are delayed."""
        locked = connection.execute(_steps.lock_slots(tables, self.now), {"p_limit": limit}).one()
        if locked.delayed is not None and locked.delayed <= locked.now:
            return None
        binds = {
            "p_task_ids": locked.task_ids or [],
            "p_ranks": locked.ranks or [],
            "p_limit": limit,
            "p_owner": owner,
            "p_until": locked.now + lease,
        }
        is_first = not marks.of(connection).is_left
        statement = _steps.claim_jobs(tables, self.now, marks=is_first)
        return locked.now, _marked(connection, statement, binds, always=False)

    def take_jobs(
        self,
        connection: Connection,
        tables: Tables,
        owner: str,
        claims: Sequence[tuple[UUID, int]],
        moment: Mapping[str, int],
    ) -> list[AnyRow] | None:
        """Remove them, comparing with two arrays."""
        statement = _steps.take_jobs(tables, self.now)
        ids, tokens = zip(*claims, strict=True)
        binds = {"p_ids": list(ids), "p_tokens": list(tokens), "p_owner": owner}
        return _marked(connection, statement, binds)

    def claim_due(
        self, connection: Connection, tables: Tables, wanted: Wanted
    ) -> list[AnyRow] | None:
        """Claim and return them."""
        binds = {f"p_{name}": value for name, value in wanted._asdict().items()}
        statement = _steps.claim_due(tables, self.now)
        return _marked(connection, statement, binds, always=False)

    def advance_schedules(
        self,
        connection: Connection,
        tables: Tables,
        columns: Sequence[str],
        owner: str,
        rows: Iterable[Values],
    ) -> list[AnyRow] | None:
        """Update from one array for each column, comparing the tokens."""
        given = arrays.Columns.of(columns, list(rows))
        statement = _advance(tables, given.names, given.varying, self.now)
        return _marked(connection, statement, {**given.binds, "p_owner": owner})

    def kind_of_driver_error(self, error: BaseException | None) -> Failure:
        """Go by the SQLSTATE. Psycopg has none where it cannot connect, for whatever reason."""
        code = getattr(error, "sqlstate", None) or ""
        if not code and _is_operational(error):
            refused = any(text in str(error) for text in REFUSALS)
            return Failure.final if refused else Failure.outage
        if not code and any(text in str(error) for text in BROKEN):
            return Failure.outage
        if code.startswith(CONFLICTS):
            return Failure.conflict
        return Failure.outage if code.startswith(OUTAGES) else Failure.final


def _is_operational(error: BaseException | None) -> bool:
    return any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)


def _marked(
    connection: Connection, statement: UpdateBase, binds: Mapping[str, Any], *, always: bool = True
) -> list[AnyRow]:
    """Run a step that leaves the mark of the transaction, `always` or if it finds something; return its rows."""
    mark = marks.of(connection)
    rows = connection.execute(statement, {**binds, **mark.binds}).all()
    mark.is_left = mark.is_left or always or bool(rows)
    return list(rows)


@lru_cache
def _advance(
    tables: Tables, names: tuple[str, ...], varying: tuple[str, ...], now: ColumnElement[int]
) -> UpdateBase:
    schedules, c = tables.schedules, tables.schedules.c
    _, values = arrays.as_table(schedules, names, varying)
    advanced = (
        arrays.setting(schedules, values, ("acquired_by", "acquired_until"))
        .where(by_id_only(held(c, values["token"] - 1)))
        .returning(c.id, now.label("now"))
    )
    return _steps.marking(advanced, tables, now)


@lru_cache
def _first_of_tasks(tables: Tables, state: JobState) -> Select[Any]:
    jobs = tables.jobs
    given = (
        func.unnest(
            bindparam("p_tasks", type_=ARRAY(Text(), dimensions=1)),
            bindparam("p_counts", type_=ARRAY(Integer(), dimensions=1)),
            bindparam("p_ranks", type_=ARRAY(LargeBinary(), dimensions=1)),
        )
        .table_valued("task_id", "count", "rank", name="given")
        .render_derived()
    )
    found = lateral(
        select(jobs)
        .where(
            jobs.c.state == state.sql,
            jobs.c.task_id == given.c.task_id,
            jobs.c.rank >= given.c.rank,
        )
        .order_by(jobs.c.rank)
        .limit(given.c.count)
        .with_for_update(skip_locked=True)
    )
    return (
        select(found)
        .select_from(given.join(found, true()))
        .order_by(found.c.rank)
        .limit(bindparam("p_limit"))
    )
