"""Listeners: what an event broker does with an event for each of those who want it."""

from __future__ import annotations

from collections import deque
from contextvars import Context, copy_context
from inspect import isawaitable
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

import anyio
import anyio.lowlevel
import anyio.to_thread
from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger

    from rota.eventbrokers._delivery import EventLoop
    from rota.model import Event

__all__ = ["InlineListener", "Listener", "Office", "QueuedListener"]

#: plain callbacks in a row before other tasks get a turn
_BATCH = 50


class Listener(Protocol):
    """Somebody who wants events of certain classes."""

    @property
    def event_types(self) -> tuple[type[Event], ...]:
        """The classes of events that are wanted."""

    def receive(self, event: Event) -> None:
        """Take an event, on whatever thread published it. It neither waits nor raises."""


class Office(Protocol):
    """What a listener asks of its event broker, from any thread."""

    @property
    def logger(self) -> Logger:
        """Where failures are reported."""

    def withdraw(self, listener: Listener) -> bool:
        """Offer no further events to `listener`; tell whether it was offered any until now."""

    def rouse(self, listener: QueuedListener) -> None:
        """Have the queue of `listener` looked at, now or once there is an event loop for that."""

    def report_drop(self, listener: QueuedListener) -> None:
        """Count an event that did not fit into the queue of `listener`."""


@define(eq=False)
class InlineListener:
    """A plain function that is called within `publish` itself, by whichever thread publishes."""

    office: Office
    callback: Callable[[Event], object]
    event_types: tuple[type[Event], ...]

    def receive(self, event: Event) -> None:
        """Call the callback; log what it raises."""
        try:
            self.callback(event)
        except Exception:
            self.office.logger.exception(
                "could not react to a %s",
                type(event).__name__,
                extra={"event": "listener.failed"},
            )


@define(eq=False)
class QueuedListener:
    """A callback that is called by a task of its own, with one event of its queue after the other.

    :param callback: a plain or a coroutine function
    :param event_types: the classes of events that it is called with
    :param one_shot: whether it is called at most once
    :param in_thread: whether it is called in a worker thread
    :param capacity: how many events may wait
    """

    office: Office
    callback: Callable[[Event], Any]
    event_types: tuple[type[Event], ...]
    one_shot: bool
    in_thread: bool
    capacity: int
    subscribed: bool = True
    loop: EventLoop | None = None  # where its task runs
    roused: bool = False  # its task is at the queue, or is about to be
    arrival: anyio.Event | None = None  # what its task waits for
    overflowing: bool = False
    queue: deque[Event] = field(factory=deque)
    context: Context = field(factory=copy_context)

    def receive(self, event: Event) -> None:
        """Put an event into the queue, if it fits."""
        if self.one_shot and not self.office.withdraw(self):
            return
        if len(self.queue) >= self.capacity:
            self.office.report_drop(self)
            return
        self.queue.append(event)
        if not self.roused:
            self.office.rouse(self)

    def unsubscribe(self) -> None:
        """Forget what is in the queue, and end the task."""
        self.subscribed = False
        self.queue.clear()
        if self.loop is not None:
            self.loop.rouse(self)

    async def deliver(self, loop: EventLoop) -> None:
        """Call the callback with what is in the queue and with what comes later, until nobody wants that any more."""
        try:
            while self.subscribed and await self._empty_queue(loop):
                self.roused = self.overflowing = False
                if self.queue:  # another thread has put something there
                    self.roused = True
                    continue
                if loop.closing:
                    return
                self.arrival = anyio.Event()
                await self.arrival.wait()
                self.arrival = None
        finally:
            self.arrival = None
            self.roused = False
            loop.left(self)

    async def _empty_queue(self, loop: EventLoop) -> bool:
        calls = 0
        while self.subscribed and self.queue:
            if not await self._call(self.queue.popleft(), loop):
                return False
            if self.one_shot:
                self.subscribed = False
            calls += 1
            if calls % _BATCH == 0:
                await anyio.lowlevel.checkpoint()
        return True

    async def _call(self, event: Event, loop: EventLoop) -> bool:
        """Call the callback; log what it raises. Return whether the task may go on."""
        try:
            result = (
                await self._call_in_thread(event, loop) if self.in_thread else self.callback(event)
            )
            if result is not None and isawaitable(result):
                await result
        except anyio.get_cancelled_exc_class():
            if anyio.current_effective_deadline() == -inf:
                raise
            # What the callback awaited was cancelled, or the event loop cancels all tasks because it ends.
            self._log_failure(event)
            return False
        except GeneratorExit:  # the task is thrown away
            raise
        except BaseException:  # noqa: BLE001 - a listener may raise anything, SystemExit included
            self._log_failure(event)
        return True

    async def _call_in_thread(self, event: Event, loop: EventLoop) -> Any:
        limiter = anyio.CapacityLimiter(
            1
        )  # its own: it must not wait for threads of others, or they for it
        with loop.clock.busy():
            return await anyio.to_thread.run_sync(
                self.callback, event, abandon_on_cancel=True, limiter=limiter
            )

    def _log_failure(self, event: Event) -> None:
        self.office.logger.exception(
            "the listener %r raised when told of a %s",
            self.callback,
            type(event).__name__,
            extra={"event": "listener.failed"},
        )
