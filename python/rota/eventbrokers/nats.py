"""The event broker on a subject of NATS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import anyio
from nats.aio.client import Client
from nats.errors import NoServersError

from rota.eventbrokers._base import DEFAULT_QUEUE_SIZE
from rota.eventbrokers._line import ANSWER_SECONDS, Link, closed_on_failure
from rota.eventbrokers._names import check_name, escaped
from rota.eventbrokers._places import address, passwords
from rota.eventbrokers._remote import (
    DEFAULT_CHANNEL,
    DEFAULT_MAX_IDLE_SECONDS,
    RemoteEventBroker,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nats.aio.msg import Msg

    from rota.abc import Serializer

__all__ = ["NATSEventBroker"]

_MAX_MESSAGE = 65_536
#: wildcards, the dollar of the server's own subjects, and what may end a subject
_SPECIAL = re.compile(r"^\$|[*>%\s\x00-\x1f\x7f]")
#: bytes; servers close connections for a line of more than 4 096, which holds the subject and some words
_MAX_SUBJECT = 4_000


class NATSEventBroker(RemoteEventBroker):
    """Delivers events to all processes that use one NATS server or cluster. It needs asyncio and one connection.

    :param servers: the URL of a server, or several
    :param options: keyword arguments for `nats.connect`
    :param serializer: for events; by default JSON
    :param subject: the subject (1-4000 bytes); characters that have a meaning in NATS, other than the dot, are escaped
    :param max_idle_time: after how many seconds without messages to see whether messages still come through
    :param queue_size: how many events may wait for one listener, and to be sent, before further ones are dropped
    """

    def __init__(
        self,
        servers: str | Sequence[str] = "nats://localhost:4222",
        options: Mapping[str, Any] | None = None,
        *,
        serializer: Serializer | None = None,
        subject: str = DEFAULT_CHANNEL,
        max_idle_time: float = DEFAULT_MAX_IDLE_SECONDS,
        queue_size: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        super().__init__(serializer=serializer, max_idle_time=max_idle_time, queue_size=queue_size)
        if not all(subject.split(".")):
            raise ValueError(f"subject must have no empty part between dots, got: {subject!r}")
        self._servers = [servers] if isinstance(servers, str) else list(servers)
        self._options = dict(options or {})
        check_name("subject", subject, _MAX_SUBJECT)
        self._subject = escaped(subject, _SPECIAL)
        check_name("subject", self._subject, _MAX_SUBJECT)

    @property
    def place(self) -> str:
        """Where the servers are, and the subject."""
        return f"{', '.join(map(address, self._servers))}, subject {self._subject!r}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not get into a log."""
        return tuple(
            secret for server in self._servers for secret in passwords(server, self._options)
        )

    async def connect(self, receive: Callable[[bytes], None]) -> Link:
        """Connect and subscribe."""
        errors: list[Exception] = []
        closed = anyio.Event()

        async def take(message: Msg) -> None:
            receive(message.data)

        async def note(error: Exception) -> None:
            errors[:] = [error]

        async def end() -> None:
            closed.set()

        # It must not connect again by itself: messages would be lost without anybody knowing.
        settings = {
            "connect_timeout": 3,
            **self._options,
            "allow_reconnect": False,
            "max_reconnect_attempts": 1,  # less would have it try for ever
            "reconnect_time_wait": 0,
        }
        client = Client()
        async with closed_on_failure(client.close):
            try:
                await client.connect(self._servers, **settings, error_cb=note, closed_cb=end)
            except NoServersError as exc:
                raise ConnectionError(f"no server can be reached: {errors or exc}") from exc
            await client.subscribe(self._subject, cb=take)
            await _confirm(client)
        return _Link(client, self._subject, closed, errors)


class _Link(Link):
    def __init__(
        self, client: Client, subject: str, closed: anyio.Event, errors: Sequence[Exception]
    ) -> None:
        self.max_message = min(_MAX_MESSAGE, client.max_payload)
        self._client = client
        self._subject = subject
        self._closed = closed
        self._errors = errors

    async def receive(self) -> None:
        await self._closed.wait()
        raise ConnectionError("the connection was closed", *self._errors)

    async def send(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            await self._client.publish(self._subject, message)
        await _confirm(self._client)

    async def close(self) -> None:
        await self._client.close()


async def _confirm(client: Client) -> None:
    """Return when the server has all that was sent to it.

    The client's `flush` sends its question ahead of what is still queued: the answer to the first one tells only that
    the queue has been written.
    """
    await client.flush(ANSWER_SECONDS)
    await client.flush(ANSWER_SECONDS)
