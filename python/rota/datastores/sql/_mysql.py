"""MariaDB and MySQL, through asyncmy.

MariaDB 10.6 or MySQL 8.0.17 at least: earlier ones have no `SKIP LOCKED`, no `JSON_TABLE`, or no collation that
compares byte by byte.
"""

from __future__ import annotations

import json
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    LargeBinary,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.mysql import BINARY, LONGBLOB, LONGTEXT, VARBINARY, VARCHAR
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator

from rota._making import uuid_of
from rota.datastores.sql._dialect import (
    TABLE_LOCK_SECONDS,
    AnyRow,
    Dialect,
    Failure,
    Share,
    Values,
    quoted,
)
from rota.datastores.sql.tables import RANK_BYTES, JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Column, Connection, Select, Table
    from sqlalchemy.engine import Dialect as Driver
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.types import TypeEngine

    from rota.datastores.sql.tables import Tables

__all__ = ["MySQL"]

LOCK_SECONDS = 60
_IS_CALLERS = "rota_is_callers"  #: the execution option of an engine whose connections have an isolation of their own
PACKET_CHARACTERS = (
    4_000_000  #: of JSON that are sent at once; servers refuse packets above 16 MB or more
)
REST_OF_PACKET = (
    2_500_000  #: bytes for a statement and the other columns of a row, metadata above all
)
#: 1205 waited too long for a lock; 1213 was the victim of a deadlock; 1020 a row has changed since it was read; 1412 a
#: table has
CONFLICTS = frozenset({1020, 1205, 1213, 1412})
OUTAGES = frozenset(
    {
        1021,  # the disk is full
        1040,  # too many connections
        1114,  # the table is full
        1203,  # too many connections of the user
        1226,
        1053,  # the server shuts down
        1077,
        1079,
        1080,
        1152,  # an aborted connection
        1158,  # errors of the network
        1159,
        1160,
        1161,
        1184,
        1290,  # read only: the server has become a replica
        1836,
        1317,  # interrupted
        1927,  # the connection was killed
        2002,  # cannot connect
        2003,
        2006,  # the server has gone away
        2013,  # lost the connection
        2055,
        3100,
        4031,  # was idle for too long
    }
)


class _Identifier(VARCHAR):
    """Text that is compared byte by byte, trailing spaces included."""

    cache_ok = True


def _binary_collation(driver: Driver) -> str:
    return "utf8mb4_nopad_bin" if getattr(driver, "is_mariadb", False) else "utf8mb4_0900_bin"


@compiles(_Identifier, "mysql", "mariadb")
def _compile_identifier(kind: _Identifier, compiler: Any, **_: Any) -> str:
    collation = _binary_collation(compiler.dialect)
    return f"VARCHAR({kind.length}) CHARACTER SET utf8mb4 COLLATE {collation}"


class _Uuid(TypeDecorator[UUID]):
    """A UUID as its sixteen bytes."""

    impl = BINARY(16)
    cache_ok = True

    def process_bind_param(self, value: UUID | None, dialect: Driver) -> bytes | None:
        return None if value is None else value.bytes

    def process_result_value(self, value: bytes | None, dialect: Driver) -> UUID | None:
        return None if value is None else uuid_of(int.from_bytes(value, "big"))


class MySQL(Dialect):
    """A server of either kind."""

    identifier: TypeEngine[str] = _Identifier(500)
    uuid: TypeEngine[Any] = _Uuid()
    binary: TypeEngine[bytes] = LONGBLOB()
    rank: TypeEngine[bytes] = VARBINARY(RANK_BYTES)
    text: TypeEngine[str] = LONGTEXT(charset="utf8mb4")
    drivers: ClassVar[Sequence[str]] = ("asyncmy",)
    table_options: ClassVar[dict[str, Any]] = {
        f"{name}_{option}": value
        for name in ("mysql", "mariadb")
        for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"))
    }
    now = literal_column("TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))", BigInteger)

    def isolated(self, engine: AsyncEngine) -> AsyncEngine:
        """Mark the engine for `isolate`.

        SQLAlchemy would set the level whenever a connection is taken and set it back when it is returned, in two round
        trips each. What is cancelled in the latter may cost the pool a connection for good.
        """
        return engine.execution_options(**{_IS_CALLERS: True})

    def isolate(self, connection: Connection) -> None:
        """Set the level of the next transaction only, and begin it if the caller's connections commit by themselves."""
        if not connection.get_execution_options().get(_IS_CALLERS):
            return
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        driver_connection: Any = connection.connection.driver_connection
        if driver_connection.get_autocommit():
            connection.exec_driver_sql("START TRANSACTION")

    def connected(self, driver_connection: Any) -> None:
        """Have the server not wait for ever for processes that have stopped. Only MariaDB can."""
        cursor = driver_connection.cursor()
        cursor.execute(
            f"SET /*M! idle_transaction_timeout = {self.idle_seconds}, */"
            f" innodb_lock_wait_timeout = {2 * self.idle_seconds}"
        )
        cursor.close()

    def largest_value(self, connection: Connection) -> int | None:
        """Return how many bytes a value may have: a row with it has to fit into one packet, where it is escaped."""
        packet = int(connection.execute(text("SELECT @@max_allowed_packet")).scalar_one())
        return max(packet - REST_OF_PACKET, 0) // 2

    def lock_schema(self, connection: Connection, name: str) -> None:
        """Hold a lock of the server by name; changing tables would end a transaction.

        Tables that somebody reads for long, as a dump does, are not waited for: everybody else would queue behind that.
        """
        if not connection.execute(select(func.get_lock(_lock_name(name), LOCK_SECONDS))).scalar():
            raise TimeoutError(
                f"somebody else has been changing the tables for {LOCK_SECONDS} seconds"
            )
        connection.execute(text(f"SET SESSION lock_wait_timeout = {TABLE_LOCK_SECONDS}"))

    def commit_schema(self, connection: Connection) -> None:
        """Commit, so that whoever has the lock next sees what was done."""
        connection.commit()

    def unlock_schema(self, connection: Connection, name: str) -> None:
        """Give the lock back."""
        connection.execute(text("SET SESSION lock_wait_timeout = DEFAULT"))
        connection.execute(select(func.release_lock(_lock_name(name))))

    # evidence of commits

    def was_committed(self, connection: Connection, tables: Tables, mark: UUID) -> bool:
        """Lock the row, which waits for whoever has written it."""
        c = tables.operations.c
        found = connection.execute(select(c.id).where(c.id == mark).with_for_update(read=True))
        was_found = found.one_or_none() is not None
        connection.rollback()
        return was_found

    # sets of values

    def update_many(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Values],
        clear: Sequence[str] = (),
    ) -> None:
        """Update from a table of JSON."""
        full_name, collation = quoted(connection, table), _binary_collation(connection.dialect)
        statement = text(_update(table, full_name, tuple(columns), tuple(clear), collation))
        for packet in _packets(rows):
            connection.execute(statement, {"p_rows": packet})

    # jobs by task

    def ready_heads(self, tables: Tables) -> Select[Any]:
        """Look into the index once for each task; the server would not jump from task to task in it."""
        jobs, tasks = tables.jobs, tables.tasks
        first = (
            select(jobs.c.rank)
            .where(jobs.c.state == JobState.limited.sql, jobs.c.task_id == tasks.c.id)
            .order_by(jobs.c.rank)
            .limit(1)
            .scalar_subquery()
        )
        heads = select(tasks.c.id.label("task_id"), first.label("rank")).subquery()
        return select(heads).where(heads.c.rank.is_not(None))

    def first_of_tasks(
        self,
        connection: Connection,
        tables: Tables,
        state: int,
        shares: Sequence[Share],
        limit: int,
    ) -> Sequence[AnyRow]:
        """Unite one query for each task; of the server's choice, it might read the jobs of all of them."""
        jobs = tables.jobs
        names = ", ".join(f"`{column.name}`" for column in jobs.columns)
        table = _in_text(quoted(connection, jobs))
        index = _in_text(connection.dialect.identifier_preparer.quote(tables.jobs_by_task))

        def one(number: int) -> str:
            return (
                f"SELECT {names} FROM {table} FORCE INDEX ({index})"
                f" WHERE state = {state} AND task_id = :p_task_{number} AND `rank` >= :p_rank_{number}"
                f" ORDER BY `rank` LIMIT :p_count_{number} FOR UPDATE SKIP LOCKED"
            )

        binds: dict[str, Any] = {}
        for number, (task_id, count, rank) in enumerate(shares):
            binds[f"p_task_{number}"] = task_id
            binds[f"p_count_{number}"] = min(count, limit)
            binds[f"p_rank_{number}"] = rank
        if len(shares) == 1:  # a union would be written to disk, as columns of any length are
            statement = text(one(0))
        else:
            union = " UNION ALL ".join(f"({one(number)})" for number in range(len(shares)))
            statement = text(f"SELECT * FROM ({union}) AS jobs ORDER BY `rank` LIMIT :p_limit")
            binds["p_limit"] = limit
        return connection.execute(statement.columns(*jobs.c), binds).all()

    def kind_of_driver_error(self, error: BaseException | None) -> Failure:
        """Go by the number of the error."""
        code = error.args[0] if error is not None and error.args else None
        if code in CONFLICTS:
            return Failure.conflict
        return Failure.outage if code in OUTAGES else Failure.final


def _lock_name(name: str) -> str:
    return f"rota {sha256(name.encode()).hexdigest()[:40]}"


@lru_cache
def _update(
    table: Table, full_name: str, columns: tuple[str, ...], clear: tuple[str, ...], collation: str
) -> str:
    kinds = [_in_json(table.c[name], collation) for name in columns]
    given = ", ".join(
        f"c{number} {kind} PATH '$[{number}]'" for number, (kind, _) in enumerate(kinds)
    )
    values = [convert.format(f"given.c{number}") for number, (_, convert) in enumerate(kinds)]
    settings = [
        f"old.`{name}` = {value}" for name, value in zip(columns[1:], values[1:], strict=True)
    ]
    settings += [f"old.`{name}` = NULL" for name in clear]
    return (
        f"UPDATE JSON_TABLE(:p_rows, '$[*]' COLUMNS ({given})) AS given"
        f" STRAIGHT_JOIN {full_name} AS old ON old.`{columns[0]}` = {values[0]}"
        f" SET {', '.join(settings)}"
    )


def _in_json(column: Column[Any], collation: str) -> tuple[str, str]:
    """Return the type of a column in a table of JSON, and how its value is had from there."""
    if isinstance(column.type, _Uuid):
        return "CHAR(32)", "UNHEX({})"
    if isinstance(column.type, LargeBinary | LONGBLOB):
        return "LONGTEXT", "FROM_BASE64({})"
    if isinstance(column.type, Boolean | Integer):
        return "BIGINT", "{}"
    if isinstance(column.type, _Identifier):
        return f"VARCHAR(500) CHARACTER SET utf8mb4 COLLATE {collation}", "{}"
    return "LONGTEXT CHARACTER SET utf8mb4", "{}"


def _packets(rows: Sequence[Values]) -> Iterator[str]:
    """Yield the rows as JSON, in pieces that a server accepts."""
    packet: list[str] = []
    size = 0
    for row in rows:
        line = json.dumps([_json_value(value) for value in row])
        if packet and size + len(line) > PACKET_CHARACTERS:
            yield f"[{','.join(packet)}]"
            packet, size = [], 0
        packet.append(line)
        size += len(line)
    yield f"[{','.join(packet)}]"


def _json_value(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    return b64encode(value).decode() if isinstance(value, bytes) else value


def _in_text(name: str) -> str:
    """Return a quoted name for `text`, which escapes percent signs itself, and takes colons for parameters."""
    return name.replace("%%", "%").replace(":", "\\:")
