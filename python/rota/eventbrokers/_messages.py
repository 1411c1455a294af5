"""Events as messages between processes, and back. What is received is believed to be nothing but a hint."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import attrs

from rota.model import DeserializationError, Event, RemoteJobError, SerializationError
from rota.model._failure import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from logging import Logger

    from rota.abc import Serializer

__all__ = ["Messages"]

_FORMAT = "rota-events-1"
#: how many characters of texts to keep in an event that is too large; of the first number that makes it fit
_TEXT_KEPT = (500, 50)
_REMEMBERED = 4_096  #: messages that are known again when they come twice


class Messages:
    """Packs events into messages of limited size, and unpacks those that others have packed.

    :param sender: tells the messages of this process from those of others
    """

    def __init__(self, serializer: Serializer, sender: str, logger: Logger) -> None:
        self.logger = logger
        #: how many events were not put into a message, because they cannot be or because they are too large
        self.refused = 0
        self._serializer = serializer
        self._sender = sender
        self._number = 0
        self._reason = ""
        self._seen: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._said: set[str] = set()

    def pack(self, events: Sequence[Event], limit: int) -> Iterator[bytes]:
        """Make messages of at most `limit` bytes of events; what is too large by itself is sent without its texts."""
        message = self._fitting(events, limit)
        if message is None and len(events) > 1:
            middle = len(events) // 2
            yield from self.pack(events[:middle], limit)
            yield from self.pack(events[middle:], limit)
            return
        for kept in _TEXT_KEPT:
            message = message or self._fitting([_shortened(events[0], kept)], limit)
        if message is not None:
            yield message
            return
        self.refused += 1
        self._say_once(
            f"a {type(events[0]).__name__} cannot be sent to other processes: {self._reason}"
        )

    def probe(self) -> bytes:
        """Make a message without events, to see whether it comes back."""
        return self._write([])

    def unpack(self, message: bytes) -> list[Event]:
        """Return the events in a message that another process sent; none if it is not one, or has come before."""
        try:
            sender, number, events = self._read(message)
        except Exception as exc:  # noqa: BLE001 - anything at all may have been sent
            self._say_once(
                "messages that are not rota's are ignored; somebody else uses the same channel, or another "
                f"serializer ({type(exc).__name__})"
            )
            return []
        if sender == self._sender or (sender, number) in self._seen:
            return []
        self._seen[sender, number] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return events

    def _fitting(self, events: Sequence[Event], limit: int) -> bytes | None:
        """Return a message of at most `limit` bytes, if there can be one; note the reason if not."""
        try:
            message = self._write(events)
        except SerializationError as exc:
            self._reason = str(exc)
            return None
        self._reason = f"it must have at most {limit} bytes"
        return message if len(message) <= limit else None

    def _write(self, events: Sequence[Event]) -> bytes:
        self._number += 1
        return self._serializer.serialize([_FORMAT, self._sender, self._number, list(events)])

    def _read(self, message: bytes) -> tuple[str, int, list[Event]]:
        content: Any = self._serializer.deserialize(message)
        if not (isinstance(content, list) and len(content) == 4 and content[0] == _FORMAT):
            raise DeserializationError("the message must be one of rota's")
        _, sender, number, events = content
        if not (isinstance(sender, str) and isinstance(number, int) and isinstance(events, list)):
            raise DeserializationError("the message must have a sender, a number and events")
        if not all(isinstance(event, Event) for event in events):
            raise DeserializationError("the message must consist of events")
        return sender, number, events

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.logger.warning("%s", text, extra={"event": "event_broker.message_refused"})


def _shortened(event: Event, kept: int) -> Event:
    """Return the event with its texts cut to `kept` characters: what it is about can be looked up in the data store."""
    changes: dict[str, Any] = {}
    for field in attrs.fields(type(event)):
        value = getattr(event, field.name)
        if isinstance(value, list):
            changes[field.name] = None
        elif isinstance(value, BaseException):
            name, text, _ = describe(value, kept)
            changes[field.name] = RemoteJobError(name, text)
        elif isinstance(value, str) and not field.name.endswith("_id"):
            changes[field.name] = value[:kept]
    return attrs.evolve(event, **changes)
