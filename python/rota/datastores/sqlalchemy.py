"""The data store on SQL databases: SQLite, PostgreSQL, MariaDB and MySQL, through SQLAlchemy."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from logging import getLogger
from typing import TYPE_CHECKING, ClassVar

import anyio
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from rota._environment import current_clock
from rota._posting import on_asyncio
from rota.datastores.sql import schema
from rota.datastores.sql.announcements import Announcements
from rota.datastores.sql.base import Base
from rota.datastores.sql.engines import callers_engine, dialect_of, engine_for, second_engine, shown
from rota.datastores.sql.news import News
from rota.datastores.sql.operations import Operations
from rota.datastores.sql.outages import Outages, RetrySettings
from rota.datastores.sql.parts import Parts
from rota.datastores.sql.rows.objects import Objects
from rota.datastores.sql.schema import SchemaVersionError
from rota.datastores.sql.tables import Tables
from rota.datastores.sql.transactions import Transactions
from rota.serializers.pickle import PickleSerializer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AsyncExitStack
    from logging import Logger

    from rota.abc import Clock, EventBroker, Serializer
    from rota.datastores.sql._dialect import AnyEngine, Dialect

__all__ = ["RetrySettings", "SQLAlchemyDataStore", "SchemaVersionError"]

CLOSING_SECONDS = 5  #: for taking leave of a database that may not be there


class SQLAlchemyDataStore(Operations):
    """Keeps everything in an SQL database, for one process or for many.

    SQLite (in threads, or through aiosqlite), PostgreSQL (asyncpg or psycopg), MariaDB and MySQL (asyncmy). SQLite in
    threads runs on asyncio and on Trio; all asynchronous drivers need asyncio. The clock of the database decides what
    is due and who holds a lease; that of SQLite is the host's.

    With SQLite, the processes that share a file must be on one host. On MariaDB and MySQL the tables must be InnoDB.

    :param engine_or_url: where the database is. A URL may leave out the driver. An engine is not closed by the store;
        an engine for SQLite should have set its journal mode and its timeout
    :param schema: the schema of the tables (on MariaDB the database); it is created if there is none by this name
    :param table_prefix: what the names of the tables begin with
    :param serializer: for triggers, arguments and results
    :param retry_settings: for how long operations are tried again while the database is not there
    :param upgrade: whether to upgrade tables of an earlier version at the start, instead of refusing them
    :param start_from_scratch: whether to erase at the start everything that is stored, as tests may want
    """

    SCHEMA_VERSION: ClassVar[int] = schema.VERSION  #: of the tables that this rota works with

    def __init__(
        self,
        engine_or_url: AsyncEngine | URL | str,
        *,
        schema: str | None = None,
        table_prefix: str = "rota_",
        serializer: Serializer | None = None,
        retry_settings: RetrySettings | None = None,
        upgrade: bool = True,
        start_from_scratch: bool = False,
    ) -> None:
        self._owns_engine = not isinstance(engine_or_url, AsyncEngine)
        self._engine: AnyEngine
        if isinstance(engine_or_url, AsyncEngine):
            self._engine = callers_engine(engine_or_url)
        elif isinstance(engine_or_url, str | URL):
            self._engine = engine_for(engine_or_url)
        else:
            raise TypeError(
                "engine_or_url must be a URL or an AsyncEngine (of sqlalchemy.ext.asyncio.create_async_engine),"
                f" got: {engine_or_url!r}"
            )
        self._schema = schema
        self._table_prefix = table_prefix
        self._objects = Objects(PickleSerializer() if serializer is None else serializer)
        self._retry_settings = RetrySettings() if retry_settings is None else retry_settings
        self._upgrade = upgrade
        self._start_from_scratch = start_from_scratch
        self._is_started = False
        self._in_use = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shown(self._engine.url)!r})"

    async def start(
        self,
        exit_stack: AsyncExitStack,
        event_broker: EventBroker,
        logger: Logger,
        clock: Clock,
    ) -> None:
        """Connect, and make or upgrade the tables. See `DataStore.start`.

        :raises RuntimeError: if it has been started, and not been stopped
        :raises FileNotFoundError: if the directory of an SQLite file does not exist
        :raises SchemaVersionError: if the tables are those of a newer rota
        """
        if self._in_use:
            raise RuntimeError(
                "this data store is in use by a scheduler already; give each scheduler one of its own, for the same "
                "database"
            )
        self._in_use = True
        exit_stack.callback(self._free)
        if self._owns_engine:
            exit_stack.push_async_callback(_close, self._engine)
        transactions = self._transactions = self._make_transactions(logger, clock)
        self._base = transactions.base
        self._is_started = True
        if self._start_from_scratch:
            await schema.start_over(transactions)
        else:
            await schema.prepare(transactions, upgrade=self._upgrade)
        self._objects.limit(await transactions.read(self._base.dialect.largest_value))
        self._parts = Parts.of(self._base)
        self._news = News(event_broker, logger)
        group = await exit_stack.enter_async_context(anyio.create_task_group())
        exit_stack.callback(group.cancel_scope.cancel)
        self._announcements = Announcements(self._news, clock, group)

    def _free(self) -> None:
        self._in_use = False

    @property
    def problem(self) -> str | None:
        """What keeps the database from being used at present, if anything."""
        return self._transactions.problem if self._is_started else None

    def _make_transactions(self, logger: Logger, clock: Clock) -> Transactions:
        _require_event_loop(self._engine)
        dialect = self._make_dialect()
        dialect.require_place(self._engine.url)
        tables = Tables(dialect, self._table_prefix, self._schema)
        base = Base(dialect=dialect, tables=tables, objects=self._objects, clock=clock)
        outages = Outages(self._retry_settings, logger, clock, dialect.kind_of)
        return Transactions(self._engine, base, outages)

    def _make_dialect(self) -> Dialect:
        return dialect_of(self._engine.url)

    async def schema_version(self) -> int | None:
        """Return the version of the tables in the database, `None` if there are none.

        This is for a store that has not been started. This rota works with the version in `SCHEMA_VERSION`.
        """
        async with self._apart() as transactions:
            return await transactions.read(
                partial(schema.stored_version, tables=transactions.base.tables)
            )

    async def upgrade(self) -> None:
        """Make the tables, or upgrade those of an earlier version; others that do so at once are waited for.

        This is for a store that has not been started.

        :raises SchemaVersionError: if the tables are those of a newer rota
        """
        async with self._apart() as transactions:
            await schema.prepare(transactions, upgrade=True)

    @asynccontextmanager
    async def _apart(self) -> AsyncIterator[Transactions]:
        """Provide transactions before the start, and close the connections in the end."""
        try:
            yield self._make_transactions(getLogger("rota"), current_clock())
        finally:
            if self._owns_engine:
                await _close(self._engine)

    def lease_handle(self) -> SQLAlchemyDataStore | None:
        """Return a second, unstarted store on the same tables, with a connection of its own."""
        second = second_engine(self._engine, is_own=self._owns_engine)
        if second is None:
            return None
        handle = type(self)(
            second,
            schema=self._schema,
            table_prefix=self._table_prefix,
            serializer=self._objects.serializer.inner,
            retry_settings=self._retry_settings,
            upgrade=self._upgrade,
        )
        handle._owns_engine = True
        return handle


async def _close(engine: AnyEngine) -> None:
    """Close the connections in order, even if whoever used them has been cancelled."""
    if not isinstance(engine, AsyncEngine):
        return engine.dispose()
    with anyio.move_on_after(CLOSING_SECONDS, shield=True):
        await engine.dispose()


def _require_event_loop(engine: AnyEngine) -> None:
    """Refuse an asynchronous driver where the event loop is not asyncio's.

    :raises RuntimeError: if it is not
    """
    if isinstance(engine, AsyncEngine) and not on_asyncio():
        raise RuntimeError(
            f"{shown(engine.url)} must be used with asyncio, because SQLAlchemy's asynchronous drivers do not run on "
            "Trio; there, use an SQLite file without naming a driver: sqlite:///FILE"
        )
