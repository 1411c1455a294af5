"""What all event brokers share: who listens to what, and how an event reaches a listener without delaying anybody."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction
from threading import RLock, get_ident
from typing import TYPE_CHECKING, Any

import anyio
from attrs import define

from rota._posting import poster
from rota.abc import EventBroker, Subscription
from rota.eventbrokers._delivery import EventLoop
from rota.eventbrokers._listener import InlineListener, Listener, QueuedListener
from rota.model import Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AsyncExitStack
    from logging import Logger

    from rota.abc import Clock

__all__ = ["DEFAULT_QUEUE_SIZE", "BaseEventBroker"]

DEFAULT_QUEUE_SIZE = 10_000  #: events that may wait for one listener
_DRAIN_SECONDS = (
    1.0  #: how long, at the stop, listeners may still be told of what happened before it
)


@define(eq=False)
class _Registration(Subscription):
    broker: BaseEventBroker
    listener: InlineListener | QueuedListener

    def unsubscribe(self) -> None:
        self.broker.withdraw(self.listener)
        if isinstance(self.listener, QueuedListener):
            self.listener.unsubscribe()


class BaseEventBroker(EventBroker):
    """Delivers events to the listeners of this process; a subclass adds how they get from one process to another.

    Every listener has a bounded queue and one task, which is started when its first event comes. Publishing and
    subscribing are possible from any thread. A listener is called on the event loop that it was subscribed on if
    the broker was started there, else on the first one where it was started.

    :param queue_size: how many events may wait for one listener before further ones are dropped
    """

    def __init__(self, *, queue_size: int = DEFAULT_QUEUE_SIZE) -> None:
        if queue_size < 1:
            raise ValueError(f"queue_size must be at least 1, got: {queue_size}")
        self.logger: Logger = logging.getLogger("rota")
        self._queue_size = queue_size
        self._dropped = 0
        self._lock = RLock()
        self._listeners: list[Listener] = []
        self._waiting: list[QueuedListener] = []  # they have events, but no event loop
        self._loops: list[EventLoop] = []
        # Who wants an event of a class; filled as classes appear, emptied when a listener comes or goes.
        self._routes: dict[type[Event], tuple[Listener, ...]] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    def dropped_events(self) -> int:
        """How many events did not fit into a listener's queue since the start."""
        return self._dropped

    async def start(self, exit_stack: AsyncExitStack, logger: Logger, clock: Clock) -> None:
        """Begin to deliver events on this event loop, until `exit_stack` ends. It may be done on several."""
        self.logger = logger
        await exit_stack.enter_async_context(self._delivering(clock))

    @asynccontextmanager
    async def _delivering(self, clock: Clock) -> AsyncIterator[None]:
        loop = EventLoop(anyio.create_task_group(), poster(), clock)
        try:
            async with loop.group:
                loop.group.start_soon(loop.start_listeners, name="rota event listeners")
                self._adopt(loop)
                yield
                await loop.close(_DRAIN_SECONDS)
        finally:
            self._abandon(loop)

    async def publish_local(self, *events: Event) -> None:
        """Tell the listeners in this process of `events`, in order; it never waits."""
        self.deliver(events)

    def deliver(self, events: Iterable[Event]) -> None:
        """Tell the listeners in this process of `events`, in order, from any thread."""
        for event in events:
            listeners = self._routes.get(type(event))
            if listeners is None:
                listeners = self._route(type(event))
            for listener in listeners:
                listener.receive(event)

    def wants(self, event_type: type[Event]) -> bool:
        """Tell whether anybody in this process listens to events of this type."""
        listeners = self._routes.get(event_type)
        return bool(self._route(event_type) if listeners is None else listeners)

    def subscribe(
        self,
        callback: Callable[[Event], Any],
        event_types: Iterable[type[Event]] | None = None,
        *,
        one_shot: bool = False,
        is_async: bool = True,
    ) -> Subscription:
        """Have `callback` called with each event of the given types (and their subclasses); `None` means all.

        It is called with one event after the other, in the context that `subscribe` was called in. What it raises is
        logged. See `EventBroker.subscribe` for the parameters.

        :raises TypeError: if `callback` cannot be called (in a thread), or a type is not a class of events
        :raises ValueError: if there are no types
        """
        if not callable(callback):
            raise TypeError(f"callback must be callable, got: {callback!r}")
        if not is_async and iscoroutinefunction(callback):
            raise TypeError(f"a coroutine function cannot be called in a thread, got: {callback!r}")
        types = _as_types(event_types)
        listener = QueuedListener(self, callback, types, one_shot, not is_async, self._queue_size)
        with self._lock:
            here = (loop for loop in self._loops if loop.thread == get_ident())
            listener.loop = next(here, None)
        return self._add(listener)

    def subscribe_inline(
        self, callback: Callable[[Event], object], event_types: Iterable[type[Event]]
    ) -> Subscription:
        """Have `callback` called within `publish` itself, by whichever thread publishes.

        For rota's own wake-ups: the callback must be a plain function that takes no time and does not wait.
        """
        return self._add(InlineListener(self, callback, _as_types(event_types)))

    def _add(self, listener: InlineListener | QueuedListener) -> Subscription:
        with self._lock:
            self._listeners.append(listener)
            self._routes = {}
        return _Registration(self, listener)

    def _route(self, event_type: type[Event]) -> tuple[Listener, ...]:
        with self._lock:
            route = tuple(x for x in self._listeners if issubclass(event_type, x.event_types))
            self._routes[event_type] = route
            return route

    # what listeners ask for

    def withdraw(self, listener: Listener) -> bool:
        """Offer no further events to `listener`; tell whether it was offered any until now."""
        with self._lock:
            if listener not in self._listeners:
                return False
            self._listeners.remove(listener)
            self._routes = {}
            return True

    def rouse(self, listener: QueuedListener) -> None:
        """Have the queue of `listener` looked at, now or once there is an event loop for that."""
        with self._lock:
            listener.roused = True
            if listener.loop is None and self._loops:
                listener.loop = self._loops[0]
            if listener.loop is not None:
                listener.loop.rouse(listener)
            else:
                self._waiting.append(listener)

    def report_drop(self, listener: QueuedListener) -> None:
        """Count an event that did not fit into the queue of `listener`."""
        with self._lock:
            self._dropped += 1
            first, listener.overflowing = not listener.overflowing, True
        if first:
            self.logger.warning(
                "the listener %r does not keep up: events are dropped until its queue of %d is empty",
                listener.callback,
                listener.capacity,
                extra={"event": "listener.overflowed"},
            )

    # event loops

    def _adopt(self, loop: EventLoop) -> None:
        """Give the listeners that wait for one an event loop."""
        with self._lock:
            self._loops.append(loop)
            waiting, self._waiting = self._waiting, []
            for listener in waiting:
                self.rouse(listener)

    def _abandon(self, loop: EventLoop) -> None:
        """Leave the listeners of an event loop that ended to another one."""
        with self._lock:
            loop.closed = True
            self._loops.remove(loop)
            for listener in self._listeners:
                if isinstance(listener, QueuedListener) and listener.loop is loop:
                    listener.loop = None
                    listener.roused = False
                    if listener.queue:
                        self.rouse(listener)


def _as_types(event_types: object) -> tuple[type[Event], ...]:
    if event_types is None:
        return (Event,)
    if isinstance(event_types, str) or not isinstance(event_types, Iterable):
        raise TypeError(f"event_types must be classes of events, got: {event_types!r:.100}")
    types: list[type[Event]] = []
    for event_type in event_types:
        if not (isinstance(event_type, type) and issubclass(event_type, Event)):
            raise TypeError(f"event_types must be classes of events, got: {event_type!r:.100}")
        types.append(event_type)
    if not types:
        raise ValueError("event_types must not be empty")
    return tuple(types)
