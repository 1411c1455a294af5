"""Cron in a time zone: the wall clock's search within spans of constant offset, and the rules at their edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota._reference.cron.search import wall_search
from rota._reference.instant import SECOND
from rota._reference.series import SingleZoneSeries
from rota._reference.zone import MAX_OFFSET

if TYPE_CHECKING:
    from rota._reference.cron.field import CronFields
    from rota._reference.zone import Span, Zone

__all__ = ["CronSeries"]

_SHIFT_TO_GAP_END = 1
_FIRST_PASS, _SECOND_PASS, _BOTH_PASSES = 0, 1, 2


class CronSeries(SingleZoneSeries):
    """The instants at which a zone's wall clock matches cron fields."""

    __slots__ = ("_end", "_overlap", "_search", "_shift", "_start")

    def __init__(self, zone: Zone, fields: CronFields, start: int, end: int | None, gap: int, overlap: int) -> None:
        if gap not in (0, _SHIFT_TO_GAP_END):
            raise ValueError(f"gap must be 0 or 1, got: {gap}")
        if overlap not in (_FIRST_PASS, _SECOND_PASS, _BOTH_PASSES):
            raise ValueError(f"overlap must be in 0-2, got: {overlap}")
        super().__init__(zone)
        self._search = wall_search(fields)
        self._start = max(start, zone.first)
        self._end = zone.last if end is None else min(end, zone.last)
        self._shift = gap == _SHIFT_TO_GAP_END
        self._overlap = overlap

    def first_after(self, after: int) -> int | None:
        low = after + 1 if after >= self._start else self._start
        if low > self._end:
            return None
        span = self.zone.span(low)
        wall = -(-(low + span.offset) // SECOND)
        found = self._search.first(wall)
        if found is not None and low >= span.fold_end and (low > span.start or span.before >= span.offset):
            at = found * SECOND - span.offset
            if at < self._last_pass(span):
                return at if at <= self._end else None
        return self._first_over_spans(low)

    def _first_over_spans(self, low: int) -> int | None:
        """Return the first fire time from `low` on, span by span.

        No wall second from `searched` on matches before `found`.
        """
        searched, found = None, None
        while low <= self._end:
            span = self.zone.span(low)
            if self._shift and low == span.start and self._gap_swallowed_a_match(span):
                return low
            wall = -(-(self._first_pass(span, low) + span.offset) // SECOND)
            if searched is None or wall < searched or (found is not None and found < wall):
                searched, found = wall, self._search.first(wall)
            if found is not None:
                at = found * SECOND - span.offset
                if at < self._last_pass(span):
                    return at if at <= self._end else None
            low = span.end
            # Once every wall time to come is past `searched`, nothing fires until a wall clock can read `found`.
            if low >= searched * SECOND + MAX_OFFSET:
                if found is None:
                    return None
                low = max(low, found * SECOND - MAX_OFFSET)
        return None

    def last_at_or_before(self, at: int) -> int | None:
        high = min(at, self._end)
        searched, found = None, None
        while high >= self._start:
            span = self.zone.span(high)
            wall = (min(high, self._last_pass(span) - 1) + span.offset) // SECOND
            if searched is None or wall > searched or (found is not None and found > wall):
                searched, found = wall, self._search.last(wall)
            if found is not None:
                at = found * SECOND - span.offset
                if at >= self._first_pass(span, span.start):
                    return at if at >= self._start else None
            if self._shift and span.start >= self._start and self._gap_swallowed_a_match(span):
                return span.start
            high = span.start - 1
            if high <= searched * SECOND - MAX_OFFSET:
                if found is None:
                    return None
                high = min(high, found * SECOND + MAX_OFFSET)
        return None

    def _first_pass(self, span: Span, low: int) -> int:
        """Return the first instant of `span` from `low` on that the policy lets fire."""
        return max(low, span.fold_end) if self._overlap == _FIRST_PASS else low

    def _last_pass(self, span: Span) -> int:
        """Return the first instant after those of `span` that the policy lets fire."""
        if self._overlap == _SECOND_PASS and span.offset > span.after:
            return span.end - (span.offset - span.after)
        return span.end

    def _gap_swallowed_a_match(self, span: Span) -> bool:
        """Tell whether the gap before `span`, if there is one, skipped a wall time that matches."""
        if span.before >= span.offset:
            return False
        found = self._search.first(-(-(span.start + span.before) // SECOND))
        return found is not None and found * SECOND < span.start + span.offset
