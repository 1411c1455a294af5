"""What the two event brokers on PostgreSQL share: settings, and messages as the texts that NOTIFY takes."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from rota.eventbrokers._places import address, passwords
from rota.eventbrokers._remote import RemoteEventBroker

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    :param conninfo: where the database is: a URL, perhaps one of SQLAlchemy with the name of a driver
    :param options: keyword arguments of the driver
    :raises ValueError: if the name of the channel is none that LISTEN and NOTIFY take
    """

    def __init__(
        self,
        conninfo: str,
        options: Mapping[str, Any] | None,
        channel: str,
        *,
        serializer: Serializer | None,
        max_idle_time: float,
        queue_size: int,
    ) -> None:
        super().__init__(serializer=serializer, max_idle_time=max_idle_time, queue_size=queue_size)
        if "\0" in channel or not 0 < len(channel.encode()) <= MAX_CHANNEL:
            raise ValueError(
                f"channel must have 1-{MAX_CHANNEL} bytes and no NUL, got: {channel!r}"
            )
        scheme, separator, rest = conninfo.partition("://")
        self._conninfo = f"{scheme.partition('+')[0]}{separator}{rest}"
        self._options = dict(options or {})
        self._channel = channel

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
