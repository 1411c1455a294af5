"""Cron in a time zone: the wall clock's search within spans of constant offset, and the rules at their edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota._reference.cron.search import wall_search
from rota._reference.instant import MAX_MICROS, SECOND
from rota._reference.series import SingleZoneSeries
from rota._reference.zone import MAX_OFFSET

if TYPE_CHECKING:
    from rota._reference.cron.field import CronFields
    from rota._reference.zone import Span, Zone

__all__ = ["CronSeries"]

_SHIFT_TO_GAP_END = 1
_FIRST_PASS, _SECOND_PASS, _BOTH_PASSES = 0, 1, 2
#: Later than all wall seconds.
_NOTHING = MAX_MICROS


class CronSeries(SingleZoneSeries):
    """The instants at which a zone's wall clock matches cron fields."""

    __slots__ = ("_first_pass_only", "_search", "_second_pass_only", "_shift", "_start")

    def __init__(
        self, zone: Zone, fields: CronFields, start: int, end: int | None, gap: int, overlap: int
    ) -> None:
        if gap not in (0, _SHIFT_TO_GAP_END):
            raise ValueError(f"gap must be 0 or 1, got: {gap}")
        if overlap not in (_FIRST_PASS, _SECOND_PASS, _BOTH_PASSES):
            raise ValueError(f"overlap must be in 0-2, got: {overlap}")
        super().__init__(zone, end)
        self._search = wall_search(fields)
        self._start = max(start, zone.first)
        self._shift = gap == _SHIFT_TO_GAP_END
        self._first_pass_only = overlap == _FIRST_PASS
        self._second_pass_only = overlap == _SECOND_PASS

    def first_after(self, after: int) -> int | None:
        low = after + 1 if after >= self._start else self._start
        if low > self.end:
            return None
        # From here on no wall second from `searched` on matches before `found`.
        searched, found = _NOTHING, None
        while low <= self.end:
            span = self.zone.span(low)
            if self._shift and low == span.start and self._gap_swallowed_a_match(span):
                return low
            fires_from = span.fold_end if self._first_pass_only and low < span.fold_end else low
            wall = -(-(fires_from + span.offset) // SECOND)
            if wall < searched or (found is not None and found < wall):
                searched, found = wall, self._search.first(wall)
            if found is not None:
                at = found * SECOND - span.offset
                if at < (span.fold_start if self._second_pass_only else span.end):
                    return at if at <= self.end else None
            low = span.end
            # Once every wall time to come is past `searched`, nothing fires until a wall clock can read `found`.
            if low >= searched * SECOND + MAX_OFFSET:
                if found is None:
                    return None
                low = max(low, found * SECOND - MAX_OFFSET)
        return None

    def last_at_or_before(self, at: int) -> int | None:
        high = min(at, self.end)
        # From here on no wall second up to `searched` matches after `found`.
        searched, found = -_NOTHING, None
        while high >= self._start:
            span = self.zone.span(high)
            fires_until = min(high, span.fold_start - 1) if self._second_pass_only else high
            wall = (fires_until + span.offset) // SECOND
            if wall > searched or (found is not None and found > wall):
                searched, found = wall, self._search.last(wall)
            if found is not None:
                at = found * SECOND - span.offset
                if at >= (span.fold_end if self._first_pass_only else span.start):
                    return at if at >= self._start else None
            if self._shift and span.start >= self._start and self._gap_swallowed_a_match(span):
                return span.start
            high = span.start - 1
            if high <= searched * SECOND - MAX_OFFSET:
                if found is None:
                    return None
                high = min(high, found * SECOND + MAX_OFFSET)
        return None

    def _gap_swallowed_a_match(self, span: Span) -> bool:
        """Tell whether the gap before `span`, if there is one, skipped a wall time that matches."""
        if span.before >= span.offset:
            return False
        found = self._search.first(-(-(span.start + span.before) // SECOND))
        return found is not None and found * SECOND < span.start + span.offset
