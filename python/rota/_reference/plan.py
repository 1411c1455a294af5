"""Plans: compiled definitions, which answer questions about fire times and keep no position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota._reference.calendarinterval import CalendarIntervalSeries
from rota._reference.combining import any_of
from rota._reference.cron.transition import CronSeries
from rota._reference.cursor import Cursor, MonthlyCursor, PeriodicCursor, SimpleCursor
from rota._reference.instant import MAX_MICROS, MIN_MICROS
from rota._reference.interval import DateSeries, IntervalSeries
from rota._reference.meeting import AllOfSeries
from rota._reference.micros import micros
from rota._reference.series import SingleZoneSeries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rota._reference.cron.field import CronFields
    from rota._reference.series import Series, State
    from rota._reference.zone import Zone

__all__ = ["Plan", "between_many"]


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
    def cron(
        zone: Zone, fields: CronFields, start: int, end: int | None, gap: int, overlap: int
    ) -> Plan:
        """Return the plan that fires when the wall clock of `zone` matches `fields`, from `start` to `end`."""
        return Plan(CronSeries(zone, fields, start, end, gap, overlap))

    @staticmethod
    def calendar_interval(
        zone: Zone,
        start_ordinal: int,
        end_ordinal: int | None,
        months: int,
        days: int,
        time_of_day_micros: int,
    ) -> Plan:
        """Return the plan that steps from date to date by months and days, up to the date `end_ordinal`."""
        return Plan(
            CalendarIntervalSeries(
                zone, start_ordinal, end_ordinal, months, days, time_of_day_micros
            )
        )

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

    def between_micros(self, after: int, until: int, limit: int) -> memoryview:
        """Return what `between` does, as 64-bit integers in memory that cannot be written."""
        return micros(self._between(after, until, limit))

    def count(self, after: int, until: int, limit: int) -> int:
        """Return the number of fire times that `between` would return."""
        return sum(1 for _ in self._between(after, until, limit))

    def cursor(self, state: State = None) -> Cursor:
        """Return a cursor at `state`. Raise ValueError if it is not a position in this plan."""
        series, position = self._series, self._series.check(state)
        if not isinstance(series, SingleZoneSeries):
            return Cursor(self, series, position)
        if series.period is not None:
            return PeriodicCursor(self, series, position, series.period)
        if (
            isinstance(series, CalendarIntervalSeries)
            and series.months_only is not None
            and series.zone.is_native
        ):
            return MonthlyCursor(self, series, position, series.months_only)
        return SimpleCursor(self, series, position)

    def _between(self, after: int, until: int, limit: int) -> Iterator[int]:
        series, end = self._series, _clamp(until) + 1
        state = series.position(_clamp(after))
        for _ in range(limit):
            fire = series.advance(state, end)
            if fire is None:
                return
            at, _, state = fire
            yield at


def between_many(
    plans: Sequence[Plan], after: int, until: int, limit_each: int
) -> list[memoryview]:
    """Return what `between_micros` returns for each plan."""
    return [plan.between_micros(after, until, limit_each) for plan in plans]


def _clamp(at: int) -> int:
    return min(max(at, MIN_MICROS - 1), MAX_MICROS)
