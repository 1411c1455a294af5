"""Connections and sessions of the caller's own, in whose transactions something is to happen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from anyio import to_thread
from attrs import frozen
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util import greenlet_spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rota.datastores.sql.announcements import Announcements
    from rota.datastores.sql.news import News
    from rota.datastores.sql.parts import Parts
    from rota.datastores.sql.schedules import Added, Encoded
    from rota.model import ConflictPolicy, Job, Schedule

__all__ = ["CallersConnection", "Guest"]

T = TypeVar("T")

CallersConnection: TypeAlias = "AsyncConnection | AsyncSession | Connection | Session"


@frozen
class Guest:
    """Adds jobs and schedules in the transaction of a caller, who commits it or rolls it back."""

    connection: CallersConnection
    parts: Parts
    news: News
    announcements: Announcements

    async def add_schedules(
        self, schedules: Sequence[Schedule], conflict_policy: ConflictPolicy
    ) -> None:
        """Add schedules. See `DataStore.add_schedules`."""
        if schedules:
            part = self.parts.schedules
            work = partial(self._add, encoded=part.encode(schedules), policy=conflict_policy)
            added, used = await _inside(self.connection, work)
            self.announcements.after_commit(used, self.news.of_added(added))

    def _add(
        self, connection: Connection, encoded: Sequence[Encoded], policy: ConflictPolicy
    ) -> Added:
        part = self.parts.schedules
        if part.writes_alone:
            return part.add(connection, encoded, policy)
        try:
            with connection.begin_nested():
                return part.add(connection, encoded, policy, boldly=True)
        except IntegrityError:  # somebody else has added one of them meanwhile
            return part.add(connection, encoded, policy)

    async def add_jobs(self, jobs: Sequence[Job]) -> None:
        """Add jobs. See `DataStore.add_jobs`."""
        if jobs:
            at, used = await _inside(self.connection, partial(self.parts.jobs.add, jobs=jobs))
            self.announcements.after_commit(used, self.news.of_jobs(jobs, at))


async def _inside(
    callers: CallersConnection, work: Callable[[Connection], T]
) -> tuple[T, Connection]:
    """Do the work of a transaction in the transaction of a caller, who commits.

    Return what it returns, and the connection. That of a blocking driver is used in a worker thread.

    :raises TypeError: if that is no connection and no session
    """
    connection = await _connection(callers)
    if connection.dialect.is_async:
        return await greenlet_spawn(work, connection), connection
    return await to_thread.run_sync(work, connection), connection


async def _connection(callers: CallersConnection) -> Connection:
    if isinstance(callers, AsyncSession):
        callers = await callers.connection()
    if isinstance(callers, AsyncConnection):
        return await callers.run_sync(lambda connection: connection)
    if isinstance(callers, Session):
        return callers.connection()
    if isinstance(callers, Connection):
        return callers
    raise TypeError(f"connection must be a connection or a session of SQLAlchemy, got: {callers!r}")
