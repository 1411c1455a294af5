"""Connections and sessions of the caller's own, in whose transactions something is to happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

from anyio import to_thread
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util import greenlet_spawn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CallersConnection", "inside"]

T = TypeVar("T")

CallersConnection: TypeAlias = "AsyncConnection | AsyncSession | Connection | Session"


async def inside(
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
