"""What waits to be sent to other processes."""

from __future__ import annotations

from collections import deque
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rota.eventbrokers._messages import Messages
    from rota.model import Event

__all__ = ["Outbox"]

_BYTES_PER_EVENT = 400  #: of an event of the usual size; a wrong guess costs packing again
_EVENTS_PER_MESSAGE = 100
_MESSAGES_AT_ONCE = 20


class Outbox:
    """A bounded queue of events, and the messages that are made of them. A message stays until it is known to be sent.

    Events can be put from any thread; the rest is for the task that sends.
    """

    def __init__(self, messages: Messages, capacity: int) -> None:
        self._messages = messages
        self._capacity = capacity
        self._events: deque[Event] = deque()
        self._packed: deque[bytes] = deque()
        self._lock = Lock()

    def __bool__(self) -> bool:
        return bool(self._packed or self._events)

    def put(self, events: Sequence[Event]) -> int:
        """Queue as many events as there is room for; return how many did not fit."""
        with self._lock:
            room = self._capacity - len(self._events)
            self._events.extend(events[:room])
        return max(len(events) - room, 0)

    def put_probe(self) -> None:
        """Queue a message without events."""
        self._packed.append(self._messages.probe())

    def peek(self, limit: int) -> list[bytes]:
        """Return the next messages, of at most `limit` bytes each."""
        count = max(1, min(limit // _BYTES_PER_EVENT, _EVENTS_PER_MESSAGE))
        while self._events and len(self._packed) < _MESSAGES_AT_ONCE:
            with self._lock:
                events = [self._events.popleft() for _ in range(min(count, len(self._events)))]
            self._packed.extend(self._messages.pack(events, limit))
        return list(islice(self._packed, _MESSAGES_AT_ONCE))

    def sent(self, count: int) -> None:
        """Forget the first `count` messages."""
        for _ in range(count):
            self._packed.popleft()
