"""What the transactions ask of a database, and the answers that most databases share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from sqlalchemy import (
    BigInteger,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    and_,
    bindparam,
    delete,
    false,
    func,
    insert,
    select,
    tuple_,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, TimeoutError as PoolTimeoutError

from rota.datastores.sql.base import in_batches
from rota.datastores.sql.tables import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import URL, ColumnElement, Connection, Engine, Row, Select, Table
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.sql.base import ColumnCollection
    from sqlalchemy.sql.dml import UpdateBase
    from sqlalchemy.types import TypeEngine
    from typing_extensions import Unpack

    from rota.abc import Clock
    from rota.datastores.sql.base import Wanted
    from rota.datastores.sql.tables import Tables

__all__ = [
    "AnyEngine",
    "AnyRow",
    "Dialect",
    "Failure",
    "Share",
    "Values",
    "by_id_only",
    "held",
    "quoted",
]

Values: TypeAlias = tuple[Any, ...]  #: of a row that is to be written
AnyRow: TypeAlias = "Row[Unpack[tuple[Any, ...]]]"  #: a row that was read
AnyEngine: TypeAlias = "AsyncEngine | Engine"  #: one of a blocking driver is used in threads
TABLE_LOCK_SECONDS = 2  #: how long a change of tables waits for those who use them, each time
FEW_TOKENS = 4  #: nearly all claims are the first ones, so that their tokens are the same


class Failure(Enum):
    """What is to be thought of an error."""

    conflict = auto()  #: transactions got in each other's way: try again
    outage = auto()  #: the database is not there, or not well: try again
    final = auto()  #: it would fail again


class Share(NamedTuple):
    """The jobs of a task that may be claimed.

    :param most: how many they are, at most
    :param rank: which none of them comes before. Indexes may still have many that did and are gone.
    """

    task_id: str
    most: int
    rank: bytes


class Dialect(ABC):
    """One kind of database.

    Binds of the statements here begin with `p_`, because SQLAlchemy takes the names of columns for values to set.
    """

    identifier: TypeEngine[str]  #: compared byte by byte
    uuid: TypeEngine[Any] = Uuid()
    binary: TypeEngine[bytes] = LargeBinary()  #: of any length
    rank: TypeEngine[bytes] = LargeBinary()  #: of at most `RANK_BYTES`; compared byte by byte
    text: TypeEngine[str] = Text()  #: of any length
    micros: TypeEngine[int] = BigInteger()
    small: TypeEngine[int] = SmallInteger()

    #: drivers for a URL that names none, the preferred one first
    drivers: ClassVar[Sequence[str]]
    #: whether such a URL has this store use the blocking driver of Python itself, in threads
    in_threads: ClassVar[bool] = False
    #: whether a `schema` that does not exist is created
    has_schemas: ClassVar[bool] = True
    #: whether an answer can be lost on its way after the server has committed
    is_remote: ClassVar[bool] = True
    #: whether nobody else writes as long as a transaction does
    writes_alone: ClassVar[bool] = False
    #: after how many seconds the server ends a transaction that a stopped process has left open, if it can
    idle_seconds: ClassVar[int] = 30
    #: the table options of `CREATE TABLE`
    table_options: ClassVar[dict[str, Any]] = {}

    #: the time by the clock of the database, in microseconds since 1970
    now: ColumnElement[int]

    def engine_options(self, url: URL) -> dict[str, Any]:
        """Return the options of an engine that this store makes for itself."""
        return {"isolation_level": "READ COMMITTED"}

    def isolated(self, engine: AsyncEngine) -> AsyncEngine:
        """Return an engine of the caller with the isolation that this store relies on, whatever it has by itself."""
        return engine.execution_options(isolation_level="READ COMMITTED")

    def require_place(self, url: URL) -> None:  # noqa: B027 - a server may come up later
        """Refuse a database that cannot be there, however long it is waited for."""

    def isolate(self, connection: Connection) -> None:  # noqa: B027 - see `isolated`
        """Isolate the next transaction on a connection, where `isolated` does not do it for all of them."""

    def connected(self, driver_connection: Any) -> None:  # noqa: B027 - most need nothing
        """Set up a new connection of an engine that this store has made for itself."""

    def moment(self, clock: Clock) -> dict[str, int]:
        """Return the binds that `now` needs; `clock` is the host's."""
        return {}

    def largest_value(self, connection: Connection) -> int | None:
        """Return how many bytes a value may have to reach the server; `None` for as many as serializers allow."""
        return None

    def begin(self, connection: Connection) -> None:  # noqa: B027 - most need nothing
        """Begin a transaction that will write, if that takes more than to begin."""

    @abstractmethod
    def lock_schema(self, connection: Connection, name: str) -> None:
        """Wait until nobody else changes the tables that `name` stands for."""

    def commit_schema(self, connection: Connection) -> None:  # noqa: B027 - see there
        """Commit under the lock; not needed where the lock ends with the transaction."""

    def unlock_schema(self, connection: Connection, name: str) -> None:  # noqa: B027 - see there
        """Let others change the tables; not needed where the lock ends with the transaction."""

    def among(self, column: ColumnElement[Any], bind: str) -> ColumnElement[bool]:
        """Return the condition that `column` has one of the values in the list `bind`."""
        return column.in_(bindparam(bind, expanding=True))

    def pairs_among(
        self, first: ColumnElement[Any], second: ColumnElement[Any], bind: str
    ) -> ColumnElement[bool]:
        """Return the condition that two columns have one of the pairs of values in the list `bind`."""
        return tuple_(first, second).in_(bindparam(bind, expanding=True))

    def pairs(self, bind: str, pairs: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
        """Return the binds for `pairs_among`."""
        return {bind: pairs}

    def insert_many(self, connection: Connection, table: Table, rows: Sequence[Values]) -> None:
        """Insert complete rows, in the order of the table's columns."""
        names = table.columns.keys()
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])

    @abstractmethod
    def update_many(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        rows: Sequence[Values],
        clear: Sequence[str] = (),
    ) -> None:
        """Set `columns` of many rows; the first of them is the key. Set the columns in `clear` to NULL."""

    @abstractmethod
    def ready_heads(self, tables: Tables) -> Select[Any]:
        """Return a query for the ids (`task_id`) of limited tasks with ready jobs, and the lowest `rank` of each.

        It must not read all ready jobs, which can be many for one task.
        """

    def free_slots(self, tables: Tables) -> ColumnElement[int]:
        """Return how many more jobs may start of a task that is limited, of which there is a row."""
        jobs, tasks = tables.jobs, tables.tasks
        running = (
            select(func.count())
            .where(jobs.c.state == JobState.running.sql, jobs.c.task_id == tasks.c.id)
            .scalar_subquery()
        )
        return tasks.c.max_running_jobs - running

    @abstractmethod
    def first_of_tasks(
        self,
        connection: Connection,
        tables: Tables,
        state: int,
        shares: Sequence[Share],
        limit: int,
    ) -> Sequence[AnyRow]:
        """Return the first rows in the order of rank among those that are the shares of tasks, locked.

        Rows that are locked already are left out. It must not read all ready jobs.
        """

    # steps that a database may be able to take at once; `None` has them taken one by one

    def claim_jobs(
        self, connection: Connection, tables: Tables, owner: str, lease: int, limit: int
    ) -> tuple[int, list[AnyRow]] | None:
        """Claim the first jobs that may start, of all tasks; return the time and the claimed rows."""
        return None

    def claim_ready(
        self,
        connection: Connection,
        tables: Tables,
        shares: Sequence[Share],
        claim: Mapping[str, Any],
        limit: int,
    ) -> Sequence[AnyRow] | None:
        """Claim the first jobs among those without a limit and the shares of limited tasks; return their rows.

        It is for databases where nobody else can have claimed jobs since these were counted.

        :param claim: what it sets, by column
        """
        return None

    def take_jobs(
        self,
        connection: Connection,
        tables: Tables,
        owner: str,
        claims: Sequence[tuple[UUID, int]],
        moment: Mapping[str, int],
    ) -> list[AnyRow] | None:
        """Remove jobs on which an owner has current claims; return of each the id, and the time as `now`.

        :param claims: the ids of the jobs, and the tokens of the claims
        :param moment: the binds that `now` needs
        """
        by_token: dict[int, list[UUID]] = {}
        for job_id, token in claims:
            by_token.setdefault(token, []).append(job_id)
        if not connection.dialect.delete_returning or len(by_token) > FEW_TOKENS:
            return None
        statement = _take_jobs(self, tables)
        taken: list[AnyRow] = []
        for token, ids in by_token.items():
            for batch in in_batches(ids):
                binds = {"p_ids": batch, "p_token": token, "p_owner": owner, **moment}
                taken += connection.execute(statement, binds).all()
        return taken

    def claim_due(
        self, connection: Connection, tables: Tables, wanted: Wanted
    ) -> list[AnyRow] | None:
        """Claim the schedules that are due first; return the claimed rows, each with the time as `now`."""
        return None

    def advance_schedules(
        self,
        connection: Connection,
        tables: Tables,
        columns: Sequence[str],
        owner: str,
        rows: Iterable[Values],
    ) -> list[AnyRow] | None:
        """Set the columns of schedules on which an owner has current claims, and end these.

        The first column is the id; the token that is given is the one after that of the claim. Return, of each that was
        changed, the id and the time as `now`.
        """
        return None

    def is_private(self, url: URL) -> bool:
        """Tell whether the database is in the memory of this process, behind one connection."""
        return False

    def readers(self, engine: AnyEngine) -> AnyEngine:
        """Return the engine for queries that need no transaction."""
        return engine

    def was_committed(self, connection: Connection, tables: Tables, mark: UUID) -> bool:
        """Tell whether the transaction with a mark was committed; if it has not ended yet, wait for it.

        Of the present transaction nothing is left.
        """
        raise NotImplementedError

    def kind_of(self, error: BaseException) -> Failure:
        """Tell whether a transaction that failed may be tried again."""
        if isinstance(error, DBAPIError):
            if error.connection_invalidated:
                return Failure.outage
            if isinstance(
                error, IntegrityError
            ):  # somebody was faster, which the next attempt sees
                return Failure.conflict
            return self.kind_of_driver_error(error.orig)
        passes = isinstance(error, OSError | PoolTimeoutError | TimeoutError)
        return Failure.outage if passes else Failure.final

    @abstractmethod
    def kind_of_driver_error(self, error: BaseException | None) -> Failure:
        """Tell the same of an error of the driver."""


@lru_cache
def _take_jobs(dialect: Dialect, tables: Tables) -> UpdateBase:
    c = tables.jobs.c
    return (
        delete(tables.jobs)
        .where(dialect.among(c.id, "p_ids"), held(c, bindparam("p_token")))
        .returning(c.id, dialect.now.label("now"))
    )


def held(c: ColumnCollection[str, Any], token: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that `p_owner` has the claim with a token."""
    return and_(c.acquired_by == bindparam("p_owner"), c.token == token)


def by_id_only(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return a condition on rows that are to be found by their ids, written so that no planner begins with it.

    PostgreSQL believes that nearly no row has a given owner. In a plan that it made while the table was small, and
    keeps, it reads the whole table for those that have, and compares each with each of the ids.
    """
    return func.coalesce(condition, false())


def quoted(connection: Connection, table: Table) -> str:
    """Return the full name of a table for use in SQL text."""
    return connection.dialect.identifier_preparer.format_table(table)
