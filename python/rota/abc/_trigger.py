"""The interface of triggers: what a schedule asks for its fire times."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from rota.model._enums import CoalescePolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Trigger(ABC):
    """Gives the fire times of a schedule, one after the other.

    A subclass has to provide `next()` only; the rest is built on it by copying and stepping.
    """

    __slots__ = ()

    @abstractmethod
    def next(self) -> datetime | None:
        """Move to the next fire time and return it: aware, and later than all before. None if there is none left."""

    @property
    def stateful(self) -> bool:
        """Whether the state of this trigger is more than its `cursor`, so that a store must write it back whole."""
        return True

    @property
    def cursor(self) -> object:
        """The position as JSON-able data; None before the first fire time, and always if the trigger is stateful."""
        return None

    def at(self, cursor: object) -> Self:
        """Return a trigger of the same definition at a position that `cursor` told; None is the beginning.

        A stateful trigger has no such positions: it returns a copy. Raise ValueError if the position does not fit.
        """
        if cursor is not None:
            raise ValueError(f"cursor must be None for a stateful trigger, got: {cursor!r:.80}")
        return self.copy()

    def same_rule(self, other: Trigger) -> bool:
        """Tell whether `other` is made as this one is; a start that was left to be the current time does not count.

        A program that adds its schedules at each start makes their triggers anew each time: they have other starts
        then, and are the same rules. Whether they are by itself is told by `==`.
        """
        return type(self) is type(other) and bool(self == other)

    def copy(self) -> Self:
        """Return a trigger at the same position that moves independently of this one."""
        return deepcopy(self)

    def _moved_copy(self) -> tuple[Self, datetime | None]:
        """Return a copy that has moved to the next fire time, and that."""
        copy = self.copy()
        return copy, copy._following(None)

    def _taken_apart(self) -> tuple[Self, object]:
        """Return the definition and the cursor, or a copy and nothing if that is not all there is."""
        return (self.copy(), None) if self.stateful else (self, self.cursor)

    def next_n(self, n: int) -> list[datetime]:
        """Move over the next `n` fire times and return them, fewer if there are no more."""
        return [moment for _, moment in zip(range(n), self._moments(None), strict=False)]

    def preview(self, n: int) -> list[datetime]:
        """Return the next `n` fire times without moving."""
        return self.copy().next_n(n)

    def remaining(self, until: datetime, *, limit: int | None = None) -> int:
        """Return the number of fire times that are left up to `until`, inclusive; at most `limit`. Do not move."""
        if until.utcoffset() is None:
            raise ValueError(f"until must be aware, got: {until.isoformat()}")
        last, count = _since_epoch(until), 0
        for moment in self.copy()._moments(None):
            if _since_epoch(moment) > last or count == limit:
                break
            count += 1
        return count

    def due(
        self, pending: datetime, now: datetime, policy: CoalescePolicy, limit: int
    ) -> tuple[list[datetime], datetime | None]:
        """Return the fire times from `pending`, the last answer, up to `now` that `policy` keeps, and the next one.

        `all` keeps the first `limit` of them. The next one is the first later than `now`, or the first that was left
        out; None if there is none. The trigger is left on it.
        """
        if limit < 1:
            raise ValueError(f"limit must be positive, got: {limit}")
        last = _since_epoch(now)
        if _since_epoch(pending) > last:
            return [], pending
        kept = [pending]
        for moment in self._moments(pending):
            if _since_epoch(moment) > last or (policy is CoalescePolicy.all and len(kept) == limit):
                return kept, moment
            if policy is CoalescePolicy.all:
                kept.append(moment)
            elif policy is CoalescePolicy.latest:
                kept = [moment]
        return kept, None

    def _moments(self, previous: datetime | None) -> Iterator[datetime]:
        """Yield the fire times that follow `previous`, the last answer, if there was one."""
        while (previous := self._following(previous)) is not None:
            yield previous

    def _following(self, previous: datetime | None) -> datetime | None:
        """Return `next()`. Raise ValueError if that is naive, or not later than `previous`."""
        moment = self.next()
        if moment is None:
            return None
        if not isinstance(moment, datetime):
            raise TypeError(
                f"next() of {type(self).__name__} must return a datetime or None, got: {moment!r:.100}"
            )
        if moment.utcoffset() is None:
            raise ValueError(
                f"next() of {type(self).__name__} must return aware datetimes, got: {moment.isoformat()}"
            )
        if previous is not None and _since_epoch(moment) <= _since_epoch(previous):
            raise ValueError(
                f"next() of {type(self).__name__} must return times that ascend,"
                f" got: {moment.isoformat()} after {previous.isoformat()}"
            )
        return moment


def _since_epoch(moment: datetime) -> timedelta:
    # Datetimes of one tzinfo compare by wall time, and in an overlap the second pass would equal the first.
    return moment - _EPOCH
