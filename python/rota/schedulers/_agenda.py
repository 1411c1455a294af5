"""What has been decided about schedules that are not due yet."""

from __future__ import annotations

from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from rota.model import Schedule, ScheduleResult

__all__ = ["Agenda", "Decision"]


class Decision(NamedTuple):
    """What is to be done with a claimed schedule, and when.

    :param at: when, by the monotonic clock
    :param schedule: as it was claimed
    :param moment: the same instant by the clock of the data store, for which it is decided
    :param due: how many fire times it has then, if that is going to be said
    :param result: what it leads to; `None` if that is worked out when it is due
    """

    at: float
    schedule: Schedule
    moment: datetime
    due: int
    result: ScheduleResult | None


_at = attrgetter("at")


class Agenda:
    """Decisions in the order in which they are due."""

    def __init__(self) -> None:
        self._decisions: deque[Decision] = deque()
        self._ids: set[str] = set()  # of their schedules

    def __len__(self) -> int:
        return len(self._decisions)

    def __iter__(self) -> Iterator[Decision]:
        return iter(self._decisions)

    @property
    def next_at(self) -> float | None:
        """When the first one is due, by the monotonic clock; `None` if there is none."""
        return self._decisions[0].at if self._decisions else None

    def add(self, decisions: Iterable[Decision]) -> None:
        """Add decisions. Those that are due at the same time keep their order.

        One about a schedule that has been claimed again takes the place of the former one, which counts no longer.
        """
        new = sorted(decisions, key=_at)
        ids = {decision.schedule.id for decision in new}
        held = self._decisions
        if not ids.isdisjoint(self._ids):
            held = deque(decision for decision in held if decision.schedule.id not in ids)
        if held and new and new[0].at < held[-1].at:
            held = deque(sorted([*held, *new], key=_at))
        else:  # which is how claims come, so that the others need not be looked at
            held.extend(new)
        self._decisions = held
        self._ids |= ids

    def pop_due(self, now: float, limit: int) -> list[Decision]:
        """Take out up to `limit` decisions that are due by now."""
        due: list[Decision] = []
        while len(due) < limit and self._decisions and self._decisions[0].at <= now:
            due.append(self._decisions.popleft())
        self._ids.difference_update(decision.schedule.id for decision in due)
        return due
