"""The tasks that call listeners, on one event loop."""

from __future__ import annotations

from collections import deque
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING

import anyio
from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup

    from rota.abc import Clock
    from rota.eventbrokers._listener import QueuedListener

__all__ = ["EventLoop"]


@define(eq=False)
class EventLoop:
    """An event loop on which a broker was started, until it is stopped there.

    :param group: where the tasks of listeners are started
    :param post: has the event loop call a function soon, from any thread
    :param clock: is told of callbacks that run in threads
    """

    group: TaskGroup
    post: Callable[[Callable[[], object]], None]
    clock: Clock
    thread: int = field(factory=get_ident)
    closing: bool = False
    closed: bool = False
    _busy: set[QueuedListener] = field(factory=set)
    _beginners: deque[QueuedListener] = field(factory=deque)  # their tasks are about to be started
    _beginning: anyio.Event = field(factory=anyio.Event)
    _quiet: anyio.Event = field(factory=anyio.Event)

    def rouse(self, listener: QueuedListener) -> None:
        """Have the task of `listener` look at its queue, starting it if need be; from any thread."""
        if get_ident() == self.thread:
            self._rouse(listener)
        else:
            self.post(partial(self._rouse, listener))

    def _rouse(self, listener: QueuedListener) -> None:
        if listener.arrival is not None:
            listener.arrival.set()
        elif listener.queue and listener not in self._busy and not self.closed:
            self._busy.add(listener)
            self._beginners.append(listener)
            self._beginning.set()

    async def start_listeners(self) -> None:
        """Start the tasks of listeners when their first events come, until cancelled.

        What makes them come may be a plain function that the event loop calls, and that cannot start tasks.
        """
        while True:
            self._beginning = anyio.Event()
            while self._beginners:
                listener = self._beginners.popleft()
                listener.context.run(self._start, listener)
            await self._beginning.wait()

    def _start(self, listener: QueuedListener) -> None:
        self.group.start_soon(listener.deliver, self, name=f"listener {listener.callback!r}")

    def left(self, listener: QueuedListener) -> None:
        """Note that the task of `listener` has ended."""
        self._busy.discard(listener)
        if not self._is_awaited():
            self._quiet.set()

    async def close(self, grace_seconds: float) -> None:
        """Deliver what is queued, as far as that is done within `grace_seconds`, and end the tasks."""
        self.closing = True
        self._quiet = anyio.Event()
        for listener in self._busy:
            if listener.arrival is not None:
                listener.arrival.set()
        if self._is_awaited():
            with anyio.move_on_after(grace_seconds):
                await self._quiet.wait()
        self.closed = True
        self.group.cancel_scope.cancel()

    def _is_awaited(self) -> bool:
        return any(listener.subscribed for listener in self._busy)
