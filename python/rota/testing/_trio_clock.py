"""A clock for Trio's event loop that lives in virtual time."""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

import trio

from rota.testing._timeline import PATIENCE_SECONDS

if TYPE_CHECKING:
    from rota.testing._timeline import Participant, Timeline


class TrioTime(trio.abc.Clock, trio.abc.Instrument):
    """Trio's view of `timeline`: to be passed to `trio.run` both as its clock and among its instruments.

    Trio asks how long to sleep when no task can run. The first answer is "look at the operating system, without
    waiting"; if it is asked again and no task has run meanwhile, nothing is left but to let time move.
    """

    def __init__(self, timeline: Timeline, io_grace_seconds: float) -> None:
        self._timeline = timeline
        self._io_grace_seconds = io_grace_seconds
        self._participant: Participant | None = None
        self._looked = False
        self._waited = False

    def start_clock(self) -> None:
        """Join the timeline."""
        token = trio.lowlevel.current_trio_token()
        self._participant = self._timeline.join(partial(token.run_sync_soon, idempotent=True))

    def after_run(self) -> None:
        """Leave the timeline."""
        if self._participant is not None:
            self._timeline.leave(self._participant)

    def current_time(self) -> float:
        """Return the virtual seconds since the start of the clock."""
        return self._timeline.seconds

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return how many real seconds to wait for the operating system."""
        if not self._looked:
            self._looked = True
            return self._io_grace_seconds if _watches_io() else 0
        if self._participant is None or self._participant.pause(deadline):
            return 0
        if self._waited:
            self._timeline.explain()
            return inf
        self._waited = True
        return PATIENCE_SECONDS

    def before_task_step(self, task: Any) -> None:
        """Note that something has run."""
        self._looked = self._waited = False

    def after_io_wait(self, timeout: float) -> None:
        """Note that Trio runs again."""
        if self._participant is not None and self._participant.idle:
            self._participant.resume()


def _watches_io() -> bool:
    """Tell whether any task but Trio's own waits for a file descriptor."""
    statistics = trio.lowlevel.current_statistics().io_statistics
    kinds = ("tasks_waiting", "tasks_waiting_read", "tasks_waiting_write")
    return sum(getattr(statistics, kind, 0) for kind in kinds) > 1
