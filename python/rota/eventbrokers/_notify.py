"""What the two event brokers on PostgreSQL share: settings, and messages as the texts that NOTIFY takes."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, ClassVar

from rota.eventbrokers._base import DEFAULT_QUEUE_SIZE
from rota.eventbrokers._names import check_name
from rota.eventbrokers._places import address, passwords
from rota.eventbrokers._remote import (
    DEFAULT_CHANNEL,
    DEFAULT_MAX_IDLE_SECONDS,
    RemoteEventBroker,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncEngine
    from typing_extensions import Self

    from rota.abc import Serializer

__all__ = ["MAX_MESSAGE", "NOTIFY", "NotifyEventBroker", "message_of", "text_of"]

MAX_CHANNEL = 63  #: bytes of an identifier
#: bytes that fit into a payload, which must be shorter than 8 000 bytes, even if they have to be written in base 64
MAX_MESSAGE = 5_994
_BINARY = "="  #: what no JSON begins with
#: sends any number of messages in one transaction; {} stands for the parameters of the driver
NOTIFY = "SELECT pg_notify({}, message) FROM unnest({}::text[]) AS message"


class NotifyEventBroker(RemoteEventBroker):
    """An event broker on PostgreSQL, whatever the driver.

    :param conninfo: where the database is (a libpq connection string; the URLs of SQLAlchemy will do)
    :param options: keyword arguments for the function of the driver that connects
    :param serializer: for events; by default JSON
    :param channel: the channel of notifications (1-63 bytes)
    :param max_idle_time: after how many seconds without messages to see whether messages still come through
    :param queue_size: how many events may wait for one listener, and to be sent, before further ones are dropped
    :raises ValueError: if the name of the channel is none that LISTEN and NOTIFY take
    """

    #: the names that SQLAlchemy has for the driver
    drivers: ClassVar[tuple[str, ...]]
    #: options in URLs of SQLAlchemy that mean nothing to the driver
    foreign_options: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        conninfo: str,
        options: Mapping[str, Any] | None = None,
        *,
        serializer: Serializer | None = None,
        channel: str = DEFAULT_CHANNEL,
        max_idle_time: float = DEFAULT_MAX_IDLE_SECONDS,
        queue_size: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        super().__init__(serializer=serializer, max_idle_time=max_idle_time, queue_size=queue_size)
        check_name("channel", channel, MAX_CHANNEL)
        if "\0" in channel:
            raise ValueError(f"channel must have no NUL, got: {channel!r}")
        scheme, separator, rest = conninfo.partition("://")
        self._conninfo = f"{scheme.partition('+')[0]}{separator}{rest}"
        self._options = dict(options or {})
        self._channel = channel

    @classmethod
    def from_async_sqla_engine(
        cls, engine: AsyncEngine, options: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Self:
        """Return a broker on the database of an engine, with connections of its own.

        :param engine: an engine of SQLAlchemy that uses the driver of this class
        :param options: keyword arguments for the function of the driver that connects
        :param kwargs: keyword arguments for this class
        :raises ValueError: if the engine uses another driver
        """
        if engine.dialect.driver not in cls.drivers:
            raise ValueError(f"engine must use {cls.drivers[0]}, got: {engine.dialect.driver}")
        url = engine.url.difference_update_query(cls.foreign_options)
        return cls(url.render_as_string(hide_password=False), options, **kwargs)

    @property
    def place(self) -> str:
        """Where the server is, and the channel."""
        return f"{address(self._conninfo)}, channel {self._channel!r}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not get into a log."""
        return passwords(self._conninfo, self._options)


def text_of(message: bytes) -> str:
    """Return a message as a text that every database can hold."""
    if message.isascii() and b"\0" not in message and not message.startswith(_BINARY.encode()):
        return message.decode()
    return _BINARY + b64encode(message).decode()


def message_of(text: str) -> bytes:
    """Return the message that `text_of` was given; of foreign texts, something that is no message."""
    if text.startswith(_BINARY):
        try:
            return b64decode(text[len(_BINARY) :], validate=True)
        except ValueError:
            return b""
    return text.encode(errors="replace")
