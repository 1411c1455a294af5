"""Runs transactions: as a whole, again if they failed for reasons that may pass, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
from anyio import CancelScope, CapacityLimiter, move_on_after, to_thread
from anyio.lowlevel import checkpoint_if_cancelled
from attrs import define, frozen
from sqlalchemy.ext.asyncio import AsyncEngine

from rota._posting import on_asyncio
from rota.datastores.sql import marks

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rota.datastores.sql._dialect import AnyEngine
    from rota.datastores.sql.base import Base
    from rota.datastores.sql.outages import Outages

__all__ = ["Transactions"]

THREADS = 8  #: that a blocking driver is used in at once, at most

T = TypeVar("T")
Work = Callable[["Connection"], T]


@frozen
class _Doubt(Generic[T]):
    """A commit that failed, but may have reached the server.

    :param result: what the transaction returned
    :param mark: the row that is there if it was committed
    """

    result: T
    mark: UUID


@define
class _Attempts(Generic[T]):
    """One transaction, tried until it is known to have been committed."""

    base: Base
    work: Work[T]
    matters: Callable[[T], object]
    doubt: _Doubt[T] | None = None

    def run(self, connection: Connection) -> T:
        dialect, tables = self.base.dialect, self.base.tables
        if self.doubt is not None:
            if dialect.was_committed(connection, tables, self.doubt.mark):
                return self.doubt.result
            self.doubt = None
        dialect.begin(connection)
        if not dialect.is_remote:
            result = self.work(connection)
            _commit_or_roll_back(connection)
            return result
        mark = marks.begin(connection)
        result = self.work(connection)
        if self.matters(result):
            marks.leave(connection, tables, dialect.now)
        try:
            connection.commit()
        except BaseException:  # also if it took too long
            if self.matters(result):
                self.doubt = _Doubt(result, mark.id)
            raise
        marks.settle(connection)
        return result


def _always(_result: object) -> bool:
    return True


class Transactions:
    """Gives functions of a connection a connection, and a transaction of their own."""

    def __init__(self, engine: AnyEngine, base: Base, outages: Outages) -> None:
        self._engine = engine
        self._readers = base.dialect.readers(engine)
        self.base = base
        self._outages = outages
        # In memory, SQLite has one connection for all; in a file, at most one connection that writes.
        lock = nullcontext() if base.dialect.is_remote else anyio.Lock()
        self._writing = lock
        self._reading = lock if base.dialect.is_private(engine.url) else nullcontext()
        self._threads = CapacityLimiter(THREADS)  # which others cannot use up

    @property
    def problem(self) -> str | None:
        """What keeps the database from being used at present, if anything."""
        return self._outages.problem

    async def write(
        self, work: Work[T], matters: Callable[[T], object] = _always, *, patiently: bool = False
    ) -> T:
        """Run a transaction and commit it, trying again after failures that may pass.

        :param matters: whether by the result something was done that must not be done twice
        :param patiently: whether it may take any time
        """
        attempts = _Attempts(self.base, work, matters)
        return await self._outages.survive(
            partial(self._once, self._engine, attempts.run, self._writing, patiently=patiently)
        )

    async def read(self, work: Work[T], *, patiently: bool = False) -> T:
        """Run a query, trying again after failures that may pass."""
        return await self._outages.survive(
            partial(self._once, self._readers, work, self._reading, patiently=patiently)
        )

    async def _once(
        self, engine: AnyEngine, work: Work[T], turn: Any, *, patiently: bool = False
    ) -> T:
        attempt = self._attempt(engine, partial(self._through, work=work), turn)
        with self.base.clock.busy():
            if not self.base.dialect.is_remote:
                return await _to_its_end(attempt)
            settings = self._outages.settings
            return await _answered(
                attempt, inf if patiently else settings.attempt_timeout.total_seconds()
            )

    async def _attempt(self, engine: AnyEngine, work: Work[T], turn: Any) -> T:
        async with turn:
            if not isinstance(engine, AsyncEngine):
                return await to_thread.run_sync(_in_thread, engine, work, limiter=self._threads)
            async with _connected(engine) as connection:
                return await connection.run_sync(work)

    def _through(self, connection: Connection, work: Work[T]) -> T:
        """Work, and end the transaction that may be left, so that giving back the connection takes no answer."""
        try:
            self.base.dialect.isolate(connection)
            return work(connection)
        finally:
            if connection.in_transaction():
                connection.rollback()


def _commit_or_roll_back(connection: Connection) -> None:
    """Commit; after a COMMIT that readers kept waiting for too long, SQLite's transaction would still be open."""
    try:
        connection.commit()
    except BaseException:
        connection.connection.rollback()
        raise


def _in_thread(engine: Engine, work: Work[T]) -> T:
    with engine.connect() as connection:
        return work(connection)


async def _answered(attempt: Coroutine[Any, Any, T], seconds: float) -> T:
    """Make an attempt on a server, which may never answer.

    :raises TimeoutError: if it does not within `seconds`
    """
    with move_on_after(seconds):
        return await attempt
    raise TimeoutError(f"no answer within {seconds:g} seconds")


async def _to_its_end(attempt: Coroutine[Any, Any, T]) -> T:
    """Make an attempt on a local database, which answers soon, and be cancelled only when it is over.

    Cut short, it would cost a database in memory its only connection, and leave a file locked. On asyncio its task is
    its own, because the shield of AnyIO keeps out neither `Task.cancel` nor what relies on it, as `asyncio.timeout`.
    """
    if not on_asyncio():
        with CancelScope(shield=True):
            result = await attempt
        await checkpoint_if_cancelled()
        return result
    task = asyncio.create_task(attempt)
    cancelled: asyncio.CancelledError | None = None
    with CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # nobody will ask for it, which asyncio would complain of
    raise cancelled


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Connect, and give the connection back.

    Both can be cancelled; `async with engine.connect()` would not end before the server has answered.
    """
    connection = await engine.connect()
    try:
        yield connection
    finally:
        await connection.close()
