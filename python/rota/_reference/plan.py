"""Plans, which answer questions about fire times and keep no position, and cursors, which keep one."""

from __future__ import annotations

from array import array
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from rota._reference.calendarinterval import CalendarIntervalSeries
from rota._reference.coalesce import ALL, LATEST, check_policy, first_overdue, pass_over
from rota._reference.combining import AllOfSeries, any_of
from rota._reference.cron.transition import CronSeries
from rota._reference.instant import MAX_MICROS, MIN_MICROS, to_micros
from rota._reference.interval import DateSeries, IntervalSeries
from rota._reference.series import SingleZoneSeries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from rota._reference.cron.field import CronFields
    from rota._reference.series import Fire, Series, State
    from rota._reference.zone import Zone

__all__ = ["Cursor", "Plan", "between_many", "due_batch"]

#: Differences between fire times, which recur: adding one is several times as fast as building it.
_DELTAS: dict[int, timedelta] = {}
_MAX_DELTAS = 4096


class Plan:
    """A compiled definition of fire times."""

    __slots__ = ("_series",)

    def __init__(self, series: Series) -> None:
        self._series = series

    @staticmethod
    def date(zone: Zone, at: int) -> Plan:
        """Return the plan that fires once."""
        return Plan(DateSeries(zone, at))

    @staticmethod
    def interval(zone: Zone, start: int, step: int, end: int | None) -> Plan:
        """Return the plan that fires at `start` and every multiple of `step` after it, up to `end`."""
        return Plan(IntervalSeries(zone, start, step, end))

    @staticmethod
    def cron(zone: Zone, fields: CronFields, start: int, end: int | None, gap: int, overlap: int) -> Plan:
        """Return the plan that fires when the wall clock of `zone` matches `fields`, from `start` to `end`."""
        return Plan(CronSeries(zone, fields, start, end, gap, overlap))

    @staticmethod
    def calendar_interval(
        zone: Zone, start_ordinal: int, end_ordinal: int | None, months: int, days: int, time_of_day_micros: int
    ) -> Plan:
        """Return the plan that steps from date to date by months and days, up to the date `end_ordinal`."""
        return Plan(CalendarIntervalSeries(zone, start_ordinal, end_ordinal, months, days, time_of_day_micros))

    @staticmethod
    def any_of(plans: Sequence[Plan]) -> Plan:
        """Return the plan that fires when any of `plans` does."""
        return Plan(any_of([plan._series for plan in plans]))

    @staticmethod
    def all_of(plans: Sequence[Plan], threshold: int, max_iterations: int) -> Plan:
        """Return the plan that fires when all of `plans` do within `threshold`."""
        return Plan(AllOfSeries([plan._series for plan in plans], threshold, max_iterations))

    def first_after(self, after: int) -> int | None:
        """Return the first fire time later than `after`."""
        return self._series.first_after(_clamp(after))

    def last_at_or_before(self, at: int) -> int | None:
        """Return the last fire time that is `at` or earlier."""
        return self._series.last_at_or_before(_clamp(at))

    def between(self, after: int, until: int, limit: int) -> list[int]:
        """Return at most `limit` fire times later than `after` and not later than `until`."""
        return list(self._between(after, until, limit))

    def between_micros(self, after: int, until: int, limit: int) -> array[int]:
        """Return what `between` does, as 64-bit integers in a buffer."""
        return array("q", self._between(after, until, limit))

    def count(self, after: int, until: int, limit: int) -> int:
        """Return the number of fire times that `between` would return."""
        return sum(1 for _ in self._between(after, until, limit))

    def cursor(self, state: State = None) -> Cursor:
        """Return a cursor at `state`. Raise ValueError if it is not a position in this plan."""
        kind = SimpleCursor if isinstance(self._series, SingleZoneSeries) else Cursor
        return kind(self, self._series.check(state))

    def _between(self, after: int, until: int, limit: int) -> Iterator[int]:
        series, end = self._series, _clamp(until) + 1
        state = series.position(_clamp(after))
        for _ in range(limit):
            fire = series.advance(state, end)
            if fire is None:
                return
            yield fire.at
            state = fire.state


class Cursor:
    """A position in a plan. One thread at a time moves it; the others wait."""

    __slots__ = ("_lock", "_series", "_state", "plan")

    def __init__(self, plan: Plan, state: State) -> None:
        self.plan = plan
        self._series = plan._series
        self._state = state
        self._lock = Lock()

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
            self._state = fire.state
            return _stamp(fire)

    def next_n(self, n: int) -> list[datetime]:
        """Move over the next `n` fire times and return them."""
        found: list[datetime] = []
        while len(found) < n and (moment := self.next()) is not None:
            found.append(moment)
        return found

    def next_micros(self, n: int) -> array[int]:
        """Move over the next `n` fire times and return them as 64-bit integers in a buffer."""
        found = array("q")
        with self._lock:
            while len(found) < n and (fire := self._series.advance(self._state)) is not None:
                self._state = fire.state
                found.append(fire.at)
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
                state = fires[-1].state if fires else state
            else:
                last, following = pass_over(self._series, state, at)
                if policy == LATEST and last != state:
                    latest = self._series.last_of(last)
                    assert latest is not None
                    kept = [self._series.zone_of(last).to_datetime(latest)]
                state = last
            self._state = state if following is None else following.state
        return kept, None if following is None else _stamp(following)


class SimpleCursor(Cursor):
    """A position in a plan that has one zone, and whose state is the last fire time."""

    __slots__ = ("_plain_end", "_wall")

    def __init__(self, plan: Plan, state: State) -> None:
        super().__init__(plan, state)
        #: Up to here wall times follow from `_wall`, the last one, by adding differences.
        self._plain_end = MIN_MICROS
        self._wall: datetime

    def next(self) -> datetime | None:
        with self._lock:
            series, state = self._series, self._state
            at = series.first_after(MIN_MICROS - 1 if state is None else state)
            if at is None:
                return None
            if at < self._plain_end:
                wall = self._wall + (_DELTAS.get(at - state) or _delta(at - state))
            else:
                span = series.zone.span(at)
                wall = series.zone.to_datetime(at)
                self._plain_end = span.end if at >= span.fold_end else MIN_MICROS
            self._wall = wall
            self._state = at
            return wall


def due_batch(
    cursors: Sequence[Cursor], pending: Sequence[datetime], now: datetime, policies: Sequence[int], limit: int
) -> list[tuple[list[datetime], datetime | None] | Exception]:
    """Return what `due` returns or raises for each cursor."""
    results: list[tuple[list[datetime], datetime | None] | Exception] = []
    for cursor, moment, policy in zip(cursors, pending, policies, strict=True):
        try:
            results.append(cursor.due(moment, now, policy, limit))
        except Exception as error:  # noqa: BLE001, PERF203 - one that fails must not spoil the rest
            results.append(error)
    return results


def between_many(plans: Sequence[Plan], after: int, until: int, limit_each: int) -> list[array[int]]:
    """Return what `between_micros` returns for each plan."""
    return [plan.between_micros(after, until, limit_each) for plan in plans]


def _delta(micros: int) -> timedelta:
    if len(_DELTAS) >= _MAX_DELTAS:
        _DELTAS.clear()
    return _DELTAS.setdefault(micros, timedelta(0, 0, micros))


def _clamp(at: int) -> int:
    return min(max(at, MIN_MICROS - 1), MAX_MICROS)


def _stamp(fire: Fire) -> datetime:
    return fire.zone.to_datetime(fire.at)
