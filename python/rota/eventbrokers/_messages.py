"""Events as messages between processes, and back. What is received is believed to be nothing but a hint.

A message is a line that tells who has sent it and of what types its events are, and the serialized events. So a process
need not read the events that nobody there listens to; under load these are nearly all.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import attrs

from rota import model
from rota.model import DeserializationError, Event, RemoteJobError, SerializationError
from rota.model._failure import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from logging import Logger

    from rota.abc import Serializer

__all__ = ["MAX_RECEIVED", "Messages"]

MAX_RECEIVED = 1_048_576  #: bytes of a message; larger ones are not looked at
_FORMAT = "rota-events-2"
_HEAD = re.compile(rb"%b ([0-9]{1,18}) ([A-Za-z,?]*) ([ -~]{1,64})\n" % _FORMAT.encode())
_TYPES = {
    name: value
    for name, value in vars(model).items()
    if isinstance(value, type) and issubclass(value, Event)
}
_ANY = "?"  #: stands for a type that is not one of rota's
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
        name = type(events[0]).__name__
        self._say_once(name, f"a {name} cannot be sent to other processes: {self._reason}")

    def probe(self) -> bytes:
        """Make a message without events, to see whether it comes back."""
        return self._write([])

    def unpack(self, message: bytes, wants: Callable[[type[Event]], bool]) -> list[Event]:
        """Return the events in a message that another process sent; none if it is not one, or has come before.

        :param wants: tells whether anybody listens to events of a type; if nobody does, none are returned
        """
        try:
            sender, number, types, events = self._read_head(message)
            if sender == self._sender or (sender, number) in self._seen:
                return []
            if not any(known is None or wants(known) for known in types):
                return []
            read = self._read_events(events)
        except Exception as exc:  # noqa: BLE001 - anything at all may have been sent
            name = type(exc).__name__
            self._say_once(
                name,
                "messages that are not rota's are ignored; somebody else uses the same channel, or another "
                f"serializer ({name})",
            )
            return []
        self._seen[sender, number] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return read

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
        types = ",".join(sorted({_name_of(type(event)) for event in events}))
        head = f"{_FORMAT} {self._number} {types} {self._sender}\n".encode()
        return head + (self._serializer.serialize(list(events)) if events else b"")

    def _read_head(self, message: bytes) -> tuple[str, int, list[type[Event] | None], bytes]:
        """Return who has sent a message, its number, the types of its events if they are rota's, and what is left."""
        head = _HEAD.match(message) if len(message) <= MAX_RECEIVED else None
        if head is None:
            raise DeserializationError("the message must be one of rota's")
        number, names, sender = (part.decode("ascii") for part in head.groups())
        types = [_TYPES.get(name) for name in names.split(",") if name]
        return sender, int(number), types, message[head.end() :]

    def _read_events(self, serialized: bytes) -> list[Event]:
        events: Any = self._serializer.deserialize(serialized)
        if not isinstance(events, list) or not all(isinstance(event, Event) for event in events):
            raise DeserializationError("the message must consist of events")
        return events

    def _say_once(self, about: str, text: str) -> None:
        if about not in self._said:
            self._said.add(about)
            self.logger.warning("%s", text, extra={"event": "event_broker.message_refused"})


def _name_of(event_type: type[Event]) -> str:
    name = event_type.__name__
    return name if _TYPES.get(name) is event_type else _ANY


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
