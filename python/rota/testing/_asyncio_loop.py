"""An asyncio event loop that lives in virtual time."""

from __future__ import annotations

import asyncio
import selectors
from math import inf
from typing import TYPE_CHECKING, Any

from rota.testing._timeline import PATIENCE_SECONDS, TOLERANCE, Participant, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable


class _PausingSelector(selectors.DefaultSelector):
    """Waits for file descriptors in real time, and for deadlines in virtual time."""

    participant: Participant | None = None
    io_grace_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.participant is None or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        # The loop waits, so nothing is ready but what the operating system may have.
        watches_io = len(self.get_map()) > 1  # one is the loop's own, to be woken through
        events = super().select(self.io_grace_seconds if watches_io else 0)
        if events:
            return events
        now = self.participant.timeline.seconds
        if self.participant.pause(inf if timeout is None else now + timeout):
            return []
        events = super().select(PATIENCE_SECONDS)
        if not events and self.participant.idle:
            self.participant.timeline.explain()
            events = super().select(None)
        self.participant.resume()
        return events


class VirtualEventLoop(asyncio.SelectorEventLoop):
    """The event loop of asyncio, with the time of `timeline` as its own."""

    # When a deadline counts as reached. The system's value is finer than a float can tell after some days.
    _clock_resolution = 2 * TOLERANCE

    def __init__(self, timeline: Timeline, io_grace_seconds: float) -> None:
        self._timeline = timeline
        self._virtual_selector = _PausingSelector()
        self._virtual_selector.io_grace_seconds = io_grace_seconds
        super().__init__(self._virtual_selector)
        self._clock_resolution = 2 * TOLERANCE  # the base class has set its own

    def time(self) -> float:
        """Return the virtual seconds since the start of the clock."""
        return self._timeline.seconds

    def run_forever(self) -> None:
        """Take part in virtual time while the loop runs."""
        participant = self._timeline.join(super().call_soon_threadsafe)
        self._virtual_selector.participant = participant
        try:
            super().run_forever()
        finally:
            self._virtual_selector.participant = None
            self._timeline.leave(participant)

    def call_soon_threadsafe(  # type: ignore[override,unused-ignore]
        self, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """Schedule a callback from any thread; time does not move before it has run."""
        participant = self._virtual_selector.participant
        with self._timeline.lock:
            handle = super().call_soon_threadsafe(callback, *args, context=context)
            if participant is not None:
                participant.notify()
            return handle

    def run_in_executor(  # type: ignore[override,unused-ignore]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run `func` in a thread; time stands still meanwhile."""
        future = super().run_in_executor(executor, func, *args)
        self._timeline.busy.__enter__()
        future.add_done_callback(self._timeline.busy.__exit__)
        return future
