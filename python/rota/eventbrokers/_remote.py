"""What the event brokers on servers share: everything but how messages get to the server and back."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import asynccontextmanager
from threading import get_ident
from typing import TYPE_CHECKING, ClassVar

from anyio import create_task_group, move_on_after

from rota._environment import new_id
from rota.eventbrokers._base import DEFAULT_QUEUE_SIZE, BaseEventBroker
from rota.eventbrokers._line import Line, Link
from rota.eventbrokers._messages import MAX_RECEIVED, Messages
from rota.eventbrokers._outbox import Outbox
from rota.model import EventsMissed
from rota.serializers.json import JSONSerializer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AsyncExitStack
    from logging import Logger

    from rota.abc import Clock, Serializer
    from rota.model import Event

__all__ = ["DEFAULT_CHANNEL", "DEFAULT_MAX_IDLE_SECONDS", "RemoteEventBroker"]

DEFAULT_CHANNEL = "rota"
DEFAULT_MAX_IDLE_SECONDS = 10.0
_FIRST_SECONDS = 5.0  #: how long a start waits for the first attempt to connect
_FLUSH_SECONDS = 1.0  #: how long a stop waits for the last events to be sent


class RemoteEventBroker(BaseEventBroker):
    """Delivers events to the listeners of all processes that are connected to one server and use one channel.

    Publishing tells the listeners of this process at once and queues the events for the others; it never waits for the
    server, and never fails because of it. The connection is restored whenever it is lost; after that an
    `EventsMissed` is published in this process. Any number of schedulers of one process may share a broker and its
    connection.

    :param serializer: for events; by default JSON, which rebuilds nothing but rota's own classes and registered ones
    :param max_idle_time: after how many seconds without messages to see whether messages still come through
    :param queue_size: how many events may wait for one listener, and to be sent, before further ones are dropped
    """

    #: whether its client has no support for Trio
    needs_asyncio: ClassVar[bool] = True

    def __init__(
        self,
        *,
        serializer: Serializer | None,
        max_idle_time: float,
        queue_size: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        super().__init__(queue_size=queue_size)
        if not max_idle_time > 0:
            raise ValueError(f"max_idle_time must be positive, got: {max_idle_time}")
        self._max_idle_seconds = max_idle_time
        self._messages = Messages(
            serializer or JSONSerializer(max_size=MAX_RECEIVED), new_id().hex, self.logger
        )
        self._outbox = Outbox(self._messages, queue_size)
        self._lines: list[tuple[int, Line]] = []  # with their threads; the first one has its turn
        self._problem: str | None = None
        self._clock: Clock | None = None
        self._overflowing = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.place!r})"

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the server is, and the channel, without secrets."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not get into a log."""
        return ()

    @property
    def problem(self) -> str | None:
        """What keeps events from reaching other processes, if anything."""
        return self._problem

    @property
    def dropped_events(self) -> int:
        """How many events did not fit into a queue, or into a message, since the start."""
        return self._dropped + self._messages.refused

    @abstractmethod
    async def connect(self, receive: Callable[[bytes], None]) -> Link:
        """Connect and subscribe; have `receive` called with each message, by a task of this event loop."""

    async def start(self, exit_stack: AsyncExitStack, logger: Logger, clock: Clock) -> None:
        """Connect, and begin to deliver events on this event loop, until `exit_stack` ends.

        Without a server this goes on after a few seconds; it is then connected to as soon as it is there.

        :raises RuntimeError: if the event loop is that of Trio, and the client of the server has no support for it
        """
        if self.needs_asyncio:
            _require_asyncio(type(self).__name__)
        self._messages.logger = logger
        await super().start(exit_stack, logger, clock)
        await exit_stack.enter_async_context(self._connecting(clock))

    @asynccontextmanager
    async def _connecting(self, clock: Clock) -> AsyncIterator[None]:
        self._clock = clock
        line = Line(self, self._outbox, clock, self._max_idle_seconds)
        with self._lock:
            self._lines.append((get_ident(), line))
            first = len(self._lines) == 1
        if first:
            line.turn.set()
        try:
            async with create_task_group() as group:
                group.start_soon(line.run, name=f"connection of {self!r}")
                if first:
                    with move_on_after(_FIRST_SECONDS):
                        await line.attempted.wait()
                yield
                await line.flush(_FLUSH_SECONDS)
                group.cancel_scope.cancel()
        finally:
            self._leave(line)

    def _leave(self, line: Line) -> None:
        """Hand the connection over to another event loop on which the broker was started."""
        with self._lock:
            had_turn = self._lines[0][1] is line
            self._lines = [(thread, other) for thread, other in self._lines if other is not line]
            if had_turn and self._lines:
                following = self._lines[0][1]
                following.post(following.take_over)
            if not self._lines:
                self._problem = None

    async def publish(self, *events: Event) -> None:
        """Tell the listeners in this process of `events` at once, and those in others soon; it never waits."""
        self.deliver(events)
        with self._lock:
            if not self._lines:
                return
            dropped = self._outbox.put(events)
            self._dropped += dropped
            thread, line = self._lines[0]
            first, self._overflowing = dropped and not self._overflowing, bool(dropped)
        if first:
            self.logger.warning(
                "events come faster than they can be sent to other processes: some are dropped",
                extra={"event": "event_broker.overflowed"},
            )
        if thread == get_ident():
            line.nudge()
        else:
            line.post(line.nudge)

    def wants(self, event_type: type[Event]) -> bool:
        """Return true: listeners in other processes are not known."""
        return True

    # what a line asks for

    def accept(self, message: bytes) -> None:
        """Take a message that has arrived; on the event loop of the line."""
        self.deliver(self._messages.unpack(message, super().wants))

    def connected(self, *, again: bool) -> None:
        """Take note of a connection; `again` if messages may have been missed before."""
        if self._problem is not None:
            self.logger.info(
                "connected to the event broker again: %s",
                self.place,
                extra={"event": "event_broker.connected"},
            )
            self._problem = None
        if again:
            assert self._clock is not None, "it was started"
            self.deliver([EventsMissed(timestamp=self._clock.now())])

    def failed(self, exc: Exception) -> None:
        """Take note that the connection was lost, or that there is none; log it once."""
        reason = self._redacted(f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__)
        if self._problem is None:
            self.logger.warning(
                "no connection to the event broker; events reach this process only, what others do is noticed by "
                "polling. Trying again until it works: %s: %s",
                self.place,
                reason,
                extra={"event": "event_broker.disconnected"},
            )
        self._problem = f"not connected to {self.place}: {reason}"

    def _redacted(self, text: str) -> str:
        for secret in self.secrets:
            if secret:
                text = text.replace(secret, "***")
        return text


def _require_asyncio(name: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            f"{name} needs asyncio, its client has no support for Trio; with Trio there are LocalEventBroker and "
            "MQTTEventBroker"
        ) from None
