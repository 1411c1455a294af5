"""The event broker on PostgreSQL's LISTEN and NOTIFY, through asyncpg."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
import asyncpg

from rota.eventbrokers._base import DEFAULT_QUEUE_SIZE
from rota.eventbrokers._line import Link
from rota.eventbrokers._notify import MAX_MESSAGE, NOTIFY, NotifyEventBroker, message_of, text_of
from rota.eventbrokers._remote import DEFAULT_CHANNEL, DEFAULT_MAX_IDLE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rota.abc import Serializer

__all__ = ["AsyncpgEventBroker"]

_NOTIFY = NOTIFY.format("$1", "$2")


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

    drivers: ClassVar[tuple[str, ...]] = ("asyncpg",)
    foreign_options: ClassVar[tuple[str, ...]] = (
        "prepared_statement_cache_size",
        "prepared_statement_name_func",
    )

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
            serializer=serializer,
            channel=channel,
            max_idle_time=max_idle_time,
            queue_size=queue_size,
        )

    async def connect(self, receive: Callable[[bytes], None]) -> Link:
        """Connect and listen."""
        connection = await asyncpg.connect(self._conninfo, **self._options)
        link = _Link(connection, self._channel, receive)
        try:
            connection.add_termination_listener(link.lost)
            await connection.add_listener(self._channel, link.arrived)
        except BaseException:
            connection.terminate()
            raise
        return link


class _Link(Link):
    max_message = MAX_MESSAGE

    def __init__(
        self, connection: asyncpg.Connection, channel: str, receive: Callable[[bytes], None]
    ) -> None:
        self._connection = connection
        self._channel = channel
        self._receive = receive
        self._texts: deque[str] = deque()
        self._lost = False
        self._changed = anyio.Event()

    # Asyncpg calls these two from within the event loop, where no task can be started.

    def arrived(self, _connection: object, _pid: int, _channel: str, text: object) -> None:
        self._texts.append(str(text))
        self._changed.set()

    def lost(self, _connection: object) -> None:
        self._lost = True
        self._changed.set()

    async def receive(self) -> None:
        while True:
            self._changed = anyio.Event()
            while self._texts:
                self._receive(message_of(self._texts.popleft()))
            if self._lost:
                raise ConnectionError("the connection was closed")
            await self._changed.wait()

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
