"""The event broker on PostgreSQL's LISTEN and NOTIFY, through psycopg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from rota.eventbrokers._line import Link, closed_on_failure
from rota.eventbrokers._notify import MAX_MESSAGE, NOTIFY, NotifyEventBroker, message_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PsycopgEventBroker"]

_NOTIFY = NOTIFY.format("%s", "%s").encode()


class PsycopgEventBroker(NotifyEventBroker):
    """Delivers events to all processes that use one PostgreSQL database. It needs asyncio and two connections.

    Events that do not fit into a notification (8 000 bytes) are sent without their texts. A connection pooler between
    this and the database must be one that keeps sessions.

    :param conninfo: where the database is (a libpq connection string; the URLs of SQLAlchemy will do)
    :param options: keyword arguments for `psycopg.AsyncConnection.connect`
    :param serializer: for events; by default JSON
    :param channel: the channel of notifications (1-63 bytes)
    :param max_idle_time: after how many seconds without messages to see whether messages still come through
    :param queue_size: how many events may wait for one listener, and to be sent, before further ones are dropped
    """

    drivers: ClassVar[tuple[str, ...]] = ("psycopg", "psycopg_async")

    async def connect(self, receive: Callable[[bytes], None]) -> Link:
        """Connect and listen."""
        # While one connection waits for notifications it cannot send any.
        listening = await AsyncConnection.connect(self._conninfo, autocommit=True, **self._options)
        async with closed_on_failure(listening.close):
            await listening.execute(SQL("LISTEN {}").format(Identifier(self._channel)))
            sending = await AsyncConnection.connect(
                self._conninfo, autocommit=True, **self._options
            )
        return _Link(listening, sending, self._channel, receive)


class _Link(Link):
    max_message = MAX_MESSAGE

    def __init__(
        self,
        listening: AsyncConnection[Any],
        sending: AsyncConnection[Any],
        channel: str,
        receive: Callable[[bytes], None],
    ) -> None:
        self._listening = listening
        self._sending = sending
        self._channel = channel
        self._receive = receive

    async def receive(self) -> None:
        async for notification in self._listening.notifies():
            self._receive(message_of(notification.payload))
        raise ConnectionError("the connection was closed")

    async def send(self, messages: Sequence[bytes]) -> None:
        await self._sending.execute(_NOTIFY, (self._channel, [text_of(x) for x in messages]))

    async def close(self) -> None:
        await self._sending.close()
        await self._listening.close()
