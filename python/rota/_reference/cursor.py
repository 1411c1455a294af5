"""Cursors: positions in plans, and the only objects of the core that change."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from threading import RLock
from typing import TYPE_CHECKING

from rota._reference.civil import DAY_OF_ORDINAL_ZERO
from rota._reference.coalesce import ALL, LATEST, check_policy, first_overdue, pass_over
from rota._reference.instant import DAY, MIN_MICROS, SECOND, to_micros
from rota._reference.micros import micros

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rota._reference.plan import Plan
    from rota._reference.series import Fire, Series, SingleZoneSeries, State

__all__ = ["Cursor", "MonthlyCursor", "PeriodicCursor", "SimpleCursor", "due_batch"]

#: Differences between fire times, which recur: adding one is several times as fast as building it.
_DELTAS: dict[int, timedelta] = {}
_MAX_DELTAS = 4096


class Cursor:
    """A position in a plan. One thread at a time moves it; the others wait.

    What interrupts a move, as Ctrl-C does, does not leave it locked: that is why the lock is taken by `with` only. A
    signal handler that moves it meanwhile does not wait for itself, and may get a fire time that the other gets, too.
    """

    __slots__ = ("_lock", "_series", "_state", "plan")

    def __init__(self, plan: Plan, series: Series, state: State) -> None:
        self.plan = plan
        self._series = series
        self._state = state
        self._lock = RLock()

    @property
    def state(self) -> State:
        """The position: JSON-able; None before the first fire time."""
        return self._state

    def next(self) -> datetime | None:
        """Move to the next fire time and return it, aware; None if there is none."""
        with self._lock:
            fire = self._series.advance(self._state)
            if fire is None:
                return None
            at, zone, state = fire
            moment = zone.to_datetime(at)
            self._state = state
            return moment

    def next_n(self, n: int) -> list[datetime]:
        """Move over the next `n` fire times and return them; if that raises, stay."""
        with self._lock:
            fires = self._ahead(n)
            moments = list(map(_stamp, fires))
            if fires:
                self._state = fires[-1][2]
        return moments

    def next_micros(self, n: int) -> memoryview:
        """Move over the next `n` fire times and return them as 64-bit integers in memory that cannot be written.

        If that raises, stay.
        """
        with self._lock:
            fires = self._ahead(n)
            instants = micros([at for at, _, _ in fires])
            if fires:
                self._state = fires[-1][2]
        return instants

    def _ahead(self, n: int) -> list[Fire]:
        found: list[Fire] = []
        state = self._state
        while len(found) < n and (fire := self._series.advance(state)) is not None:
            state = fire[2]
            found.append(fire)
        return found

    def due(
        self, pending: datetime, now: datetime, policy: int, limit: int
    ) -> tuple[list[datetime], datetime | None]:
        """Return the fire times from `pending`, the last answer, up to `now` that `policy` keeps, and the next.

        The cursor is left on the next. See the stub of the compiled twin for the policies.
        """
        check_policy(policy, limit)
        at = to_micros(now)
        if to_micros(pending) > at:
            return [], pending
        kept = [pending]
        with self._lock:
            state = self._state
            if policy == ALL:
                fires, following = first_overdue(self._series, state, at, limit - 1)
                kept += map(_stamp, fires)
                state = fires[-1][2] if fires else state
            else:
                last, following = pass_over(self._series, state, at)
                if policy == LATEST and last != state:
                    latest = self._series.last_of(last)
                    assert latest is not None
                    kept = [self._series.zone_of(last).to_datetime(latest)]
                state = last
            moment = None if following is None else _stamp(following)
            self._state = state if following is None else following[2]
        return kept, moment


class SimpleCursor(Cursor):
    """A position in a plan that has one zone, and whose state is the last fire time."""

    __slots__ = ("_plain_end", "_wall", "_wall_at")

    _series: SingleZoneSeries

    def __init__(self, plan: Plan, series: SingleZoneSeries, state: State) -> None:
        super().__init__(plan, series, state)
        #: A wall time that was answered, its instant, and the end of the span: up to there others follow by adding.
        self._wall: datetime
        self._wall_at = self._plain_end = MIN_MICROS - 1

    def next(self) -> datetime | None:
        with self._lock:
            return self._search()

    def next_n(self, n: int) -> list[datetime]:
        with self._lock:
            before = self._state
            try:
                return self._take(n)
            except BaseException:
                self._plain_end = MIN_MICROS - 1
                self._state = before
                raise

    def _take(self, n: int) -> list[datetime]:
        # A function of its own: from Python 3.12 on a loop's way back is in no `try` around it, and signals come there.
        found: list[datetime] = []
        while len(found) < n and (moment := self.next()) is not None:
            found.append(moment)
        return found

    def _search(self) -> datetime | None:
        state: int | None = self._state  # type: ignore[assignment]  # it is checked, and never a list
        at = self._series.first_after(MIN_MICROS - 1 if state is None else state)
        if at is None:
            return None
        if at < self._plain_end:
            since = at - self._wall_at
            wall = self._wall + (_DELTAS.get(since) or _delta(since))
        else:
            zone = self._series.zone
            span = zone.span(at)
            wall = zone.to_datetime(at)
            self._plain_end = span.end if at >= span.fold_end else MIN_MICROS
        self._wall = wall
        self._wall_at = self._state = at
        return wall


class PeriodicCursor(SimpleCursor):
    """A position in a plan whose fire times are equally far apart within a span of constant offset."""

    __slots__ = ("_delta", "_period")

    def __init__(self, plan: Plan, series: SingleZoneSeries, state: State, period: int) -> None:
        super().__init__(plan, series, state)
        self._period = period
        self._delta = timedelta(0, 0, period)

    def next(self) -> datetime | None:
        with self._lock:
            at = self._wall_at + self._period
            if at < self._plain_end and self._state == self._wall_at:
                self._wall = wall = self._wall + self._delta
                self._wall_at = self._state = at
                return wall
            answer = self._search()
            self._plain_end = min(self._plain_end, self._series.end + 1)
            return answer


class MonthlyCursor(SimpleCursor):
    """A position in a plan whose fire times differ in year and month only."""

    __slots__ = ("_first_pass", "_month", "_months", "_parts", "_time_of_day")

    def __init__(self, plan: Plan, series: SingleZoneSeries, state: State, months: int) -> None:
        super().__init__(plan, series, state)
        self._first_pass = series.zone.first_pass
        self._months = months
        #: The last answer: its months since January of the year 0, its day and time, its microseconds since midnight.
        self._month = 0
        self._parts: tuple[int, int, int, int, int, tzinfo] = (1, 0, 0, 0, 0, series.zone.tzinfo)
        self._time_of_day = 0

    def next(self) -> datetime | None:
        with self._lock:
            if self._state != self._wall_at:
                return self._search()
            index = self._month + self._months
            try:
                wall = datetime(index // 12, index % 12 + 1, *self._parts)  # noqa: DTZ001 - the last part is one
            except ValueError:  # the month has no such day
                return self._search()
            at = self._first_pass(
                (wall.toordinal() + DAY_OF_ORDINAL_ZERO) * DAY + self._time_of_day
            )
            if at is None or at > self._series.end:
                return self._search()
            self._month = index
            self._wall_at = self._state = at
            return wall

    def _search(self) -> datetime | None:
        wall = super()._search()
        if wall is not None:
            self._month = wall.year * 12 + wall.month - 1
            self._parts = (
                wall.day,
                wall.hour,
                wall.minute,
                wall.second,
                wall.microsecond,
                self._parts[-1],
            )
            self._time_of_day = (
                (wall.hour * 60 + wall.minute) * 60 + wall.second
            ) * SECOND + wall.microsecond
        self._plain_end = MIN_MICROS
        return wall


def due_batch(
    cursors: Sequence[Cursor],
    pending: Sequence[datetime],
    now: datetime,
    policies: Sequence[int],
    limit: int,
) -> list[tuple[list[datetime], datetime | None] | Exception]:
    """Return what `due` returns or raises for each cursor."""
    results: list[tuple[list[datetime], datetime | None] | Exception] = []
    for cursor, moment, policy in zip(cursors, pending, policies, strict=True):
        try:
            results.append(cursor.due(moment, now, policy, limit))
        except Exception as error:  # noqa: BLE001 - one that fails must not spoil the rest
            results.append(error)
    return results


def _delta(micros: int) -> timedelta:
    if len(_DELTAS) >= _MAX_DELTAS:
        _DELTAS.clear()
    return _DELTAS.setdefault(micros, timedelta(0, 0, micros))


def _stamp(fire: Fire) -> datetime:
    at, zone, _ = fire
    return zone.to_datetime(at)
