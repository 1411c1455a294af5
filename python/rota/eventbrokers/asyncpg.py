"""The event broker on PostgreSQL's LISTEN and NOTIFY, through asyncpg."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import asyncpg

from rota._posting import poster
from rota.eventbrokers._base import DEFAULT_QUEUE_SIZE
from rota.eventbrokers._line import Link
from rota.eventbrokers._notify import MAX_MESSAGE, NOTIFY, NotifyEventBroker, message_of, text_of
from rota.eventbrokers._remote import DEFAULT_CHANNEL, DEFAULT_MAX_IDLE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncEngine
    from typing_extensions import Self

    from rota.abc import Serializer

__all__ = ["AsyncpgEventBroker"]

_NOTIFY = NOTIFY.format("$1", "$2")
#: options of SQLAlchemy's dialect that mean nothing to asyncpg
_OPTIONS_OF_SQLALCHEMY = ("prepared_statement_cache_size", "prepared_statement_name_func")


class AsyncpgEventBroker(NotifyEventBroker):
    """Delivers events to all processes that use one PostgreSQL database. It needs asyncio and one connection.

    Events that do not fit into a notification (8 000 bytes) are sent without their texts. A connection pooler between
    this and the database must be one that keeps sessions.

    :param dsn: where the database is (a libpq connection URI; the URLs of SQLAlchemy will do)
    :param options: keyword arguments for `asyncpg.connect`
    :param serializer: for events; by default JSON
    :param channel: the channel of notifications (1-63 bytes)
    :param max_idle_time: after how many seconds without messages to see whether messages still come through
    :param queue_size: how many events may wait for one listener, and to be sent, before further ones are dropped
    """

    def __init__(
        self,
        dsn: str,
        options: Mapping[str, Any] | None = None,
        *,
        serializer: Serializer | None = None,
        channel: str = DEFAULT_CHANNEL,
        max_idle_time: float = DEFAULT_MAX_IDLE_SECONDS,
        queue_size: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        super().__init__(
            dsn,
            options,
            channel,
            serializer=serializer,
            max_idle_time=max_idle_time,
            queue_size=queue_size,
        )

    @classmethod
    def from_async_sqla_engine(
        cls, engine: AsyncEngine, options: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Self:
        """Return a broker on the database of an engine, with a connection of its own.

        :param engine: an engine of SQLAlchemy that uses asyncpg
        :param options: keyword arguments for `asyncpg.connect`
        :param kwargs: keyword arguments for this class
        :raises ValueError: if the engine uses another driver
        """
        if engine.dialect.driver != "asyncpg":
            raise ValueError(f"engine must use asyncpg, got: {engine.dialect.driver}")
        url = engine.url.difference_update_query(_OPTIONS_OF_SQLALCHEMY)
        return cls(url.render_as_string(hide_password=False), options, **kwargs)

    async def connect(self, receive: Callable[[bytes], None]) -> Link:
        """Connect and listen."""
        post = poster()
        connection = await asyncpg.connect(self._conninfo, **self._options)
        link = _Link(connection, self._channel)
        try:
            connection.add_termination_listener(link.lost)
            # Asyncpg calls it from within the event loop, where no task can be started.
            await connection.add_listener(
                self._channel,
                lambda *notification: post(partial(receive, message_of(notification[3]))),
            )
        except BaseException:
            connection.terminate()
            raise
        return link


class _Link(Link):
    max_message = MAX_MESSAGE

    def __init__(self, connection: asyncpg.Connection, channel: str) -> None:
        self._connection = connection
        self._channel = channel
        self._lost = anyio.Event()

    def lost(self, _connection: object) -> None:
        self._lost.set()

    async def receive(self) -> None:
        await self._lost.wait()
        raise ConnectionError("the connection was closed")

    async def send(self, messages: Sequence[bytes]) -> None:
        await self._connection.execute(_NOTIFY, self._channel, [text_of(x) for x in messages])

    def abort(self) -> None:
        # A query that is cancelled waits for the server to confirm that.
        self._connection.terminate()

    async def close(self) -> None:
        try:
            await self._connection.close(timeout=1)
        except Exception:  # noqa: BLE001 - it was lost, or the server does not answer
            self._connection.terminate()
