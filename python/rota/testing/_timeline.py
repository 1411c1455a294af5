"""The time that the event loops of one virtual clock share: it moves only when nothing else can happen.

Every event loop under the clock is a `Participant`. When all of them are idle and nobody is busy outside of them,
time jumps to the earliest deadline, but not past the point up to which somebody lets it move.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from math import ceil, inf
from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MICROS = 1_000_000  #: a second's
#: by how many seconds a deadline may lie after a whole microsecond and still count as that one: floats are not exact
TOLERANCE = 0.25 / MICROS
#: real seconds of standing still after which the log says why; a test that hangs here is hard to understand otherwise
PATIENCE_SECONDS = 5.0


def whole_micros(seconds: float) -> int:
    """Return the first whole microsecond at which `seconds` have passed."""
    return ceil((seconds - TOLERANCE) * MICROS)


def _nothing() -> None:
    """Do nothing; posted to an event loop in order to wake it."""


@define(eq=False)
class Participant:
    """One running event loop.

    :param timeline: the time that it lives in
    :param post: a thread-safe function that has the loop call a function soon
    """

    timeline: Timeline
    post: Callable[[Callable[[], object]], object]
    thread: int = field(factory=threading.get_ident)
    idle: bool = False
    notified: bool = False
    deadline: float = inf

    def pause(self, deadline: float) -> bool:
        """Say that nothing is left to do before `deadline`; tell whether there is something now."""
        with self.timeline.lock:
            if self.notified:
                self.notified = False
                return True
            self.deadline = deadline
            self.idle = True
            self.timeline.move(self)
            return not self.idle

    def resume(self) -> None:
        """Say that the loop runs again."""
        with self.timeline.lock:
            self.idle = self.notified = False

    def notify(self) -> None:
        """Note that a function was posted to the loop; the lock is held until it has been."""
        self.idle = False
        self.notified = True

    def wake(self) -> None:
        """Have the loop look again at what there is to do, and then pause again."""
        self.idle = False
        self.post(_nothing)


@define(order=True)
class _Horizon:
    micros: int
    number: int
    arrive: Callable[[], object] = field(order=False)
    owner: Participant | None = field(order=False)


@define(eq=False)
class Busy:
    """Time stands still while at least one `with` block on this object is active, in whatever thread."""

    timeline: Timeline
    depth: int = 0

    def __enter__(self) -> None:
        with self.timeline.lock:
            self.depth += 1

    def __exit__(self, *_: object) -> None:
        with self.timeline.lock:
            self.depth -= 1
            self.timeline.move()


class Timeline:
    """Elapsed time, in whole microseconds since its start, and the loops that live in it."""

    def __init__(self) -> None:
        self.lock: threading.RLock = threading.RLock()
        self.micros: int = 0
        #: the same, or up to TOLERANCE later, because a loop must see that its deadline was reached
        self.seconds: float = 0.0
        self.busy: Busy = Busy(self)
        self._participants: dict[int, Participant] = {}
        self._horizons: list[_Horizon] = []
        self._numbers = count()
        self._free = 0
        self._explained = False

    def join(self, post: Callable[[Callable[[], object]], Any]) -> Participant:
        """Add the event loop that the calling thread is about to run."""
        with self.lock:
            participant = Participant(self, post)
            self._participants[participant.thread] = participant
            return participant

    def leave(self, participant: Participant) -> None:
        """Remove an event loop that has stopped."""
        with self.lock:
            if self._participants.get(participant.thread) is participant:
                del self._participants[participant.thread]
            self.move()

    def here(self) -> Participant | None:
        """Return the event loop of the calling thread, if it lives in this time."""
        return self._participants.get(threading.get_ident())

    @contextmanager
    def travel(self, micros: int, arrive: Callable[[], object]) -> Iterator[None]:
        """Let time move up to `micros`; `arrive` is called once nothing more can happen up to then."""
        horizon = _Horizon(micros, next(self._numbers), arrive, self.here())
        with self.lock:
            heappush(self._horizons, horizon)
            self._let_all_look()
        try:
            yield
        finally:
            with self.lock:
                if horizon in self._horizons:
                    self._horizons.remove(horizon)
                    self._horizons.sort()

    @contextmanager
    def free(self) -> Iterator[None]:
        """Let time move without end."""
        with self.lock:
            self._free += 1
            self._let_all_look()
        try:
            yield
        finally:
            with self.lock:
                self._free -= 1

    def _let_all_look(self) -> None:
        """Wake the loops that pause: something may have been posted to them that they have not seen yet."""
        for participant in self._participants.values():
            if participant.idle:
                participant.wake()
        self.move()

    def move(self, current: Participant | None = None) -> None:
        """Jump to what comes next, if nothing can happen before that. The lock is held.

        Only one loop is woken at a time, so that loops with the same deadline run in the order in which they joined.

        :param current: the loop that calls, which need not be woken
        """
        while not self.busy.depth and all(p.idle for p in self._participants.values()):
            limit = self._limit()
            first = min(self._participants.values(), key=_deadline, default=None)
            if first is not None and first.deadline <= limit and first.deadline < inf:
                self._jump(first.deadline)
                first.idle = False
                if first is not current:
                    first.wake()
                return
            if not self._horizons:
                return
            horizon = heappop(self._horizons)
            self._jump(horizon.micros / MICROS)
            if horizon.owner is not None:
                horizon.owner.idle = False
            horizon.arrive()

    def explain(self) -> None:
        """Say in the log, once, why time does not move although somebody waits for that."""
        with self.lock:
            deadline = min((p.deadline for p in self._participants.values()), default=inf)
            if self._explained or deadline == inf or self._horizons or self._free:
                return
            self._explained = True
        logging.getLogger("rota.testing").warning(
            "virtual time stands still at %.6f s, and a task waits for %.6f s: let time pass with advance() "
            "or, where the waiting itself is awaited, with autojump()",
            self.seconds,
            deadline,
        )

    def _limit(self) -> float:
        if self._horizons:
            return max(self.seconds, self._horizons[0].micros / MICROS + TOLERANCE)
        return inf if self._free else self.seconds

    def _jump(self, seconds: float) -> None:
        self.micros = max(self.micros, whole_micros(seconds))
        self.seconds = max(self.seconds, seconds, self.micros / MICROS)


def _deadline(participant: Participant) -> float:
    return participant.deadline
