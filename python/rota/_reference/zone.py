"""Time zones: spans of constant UTC offset, which tile the years 1 to 9999."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING

from rota._reference.civil import civil_from_days
from rota._reference.instant import DAY, MAX_MICROS, MIN_MICROS, SECOND
from rota._reference.tzif import parse_tzif

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["MAX_OFFSET", "Span", "Zone"]

#: No zone is further from UTC than this.
MAX_OFFSET = DAY

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EPOCH_DAY = _EPOCH.toordinal()
#: A foreign zone is asked once a day, this many days before and after an instant.
_FOREIGN_REACH = 40
_MAX_YEAR = 9999
#: A rule is worked out at least this far ahead.
_YEARS_BEYOND = 50


class Span:
    """A period of constant offset, and the offsets of its neighbours (its own where it has none)."""

    __slots__ = ("after", "before", "end", "fold_end", "fold_start", "offset", "start")

    def __init__(self, start: int, end: int, offset: int, before: int, after: int) -> None:
        self.start = start
        self.end = end
        self.offset = offset
        self.before = before
        self.after = after
        #: Until here the wall clock reads what it has read before: the second pass of an overlap.
        self.fold_end = min(end, start + before - offset) if before > offset else start
        #: From here on it reads what it will read again: the first pass of an overlap.
        self.fold_start = max(start, end - offset + after) if after < offset else end


class Zone:
    """The spans of a time zone, and the `tzinfo` that its results are stamped with."""

    __slots__ = ("_base", "_locate", "_recent", "first", "last", "tzinfo")

    #: Whether a datetime of any wall time carries `tzinfo` itself.
    is_native = True

    def __init__(self, tzinfo: tzinfo, locate: Callable[[int], Span], offset_at_end: int) -> None:
        self.tzinfo = tzinfo
        self._locate = locate
        self._base = datetime(1970, 1, 1, tzinfo=tzinfo)
        self._recent = locate(MIN_MICROS)
        #: The first and the last instant whose wall time is within the years 1 to 9999.
        self.first = MIN_MICROS - min(0, self._recent.offset)
        self.last = MAX_MICROS - max(0, offset_at_end)

    @staticmethod
    def from_tzif(tzinfo: tzinfo, data: bytes) -> Zone:
        """Return the zone that TZif `data` describes. Raise ValueError if they are malformed."""
        table = _TransitionTable(data)
        return Zone(tzinfo, table.locate, table.offset_at_end())

    @staticmethod
    def fixed(tzinfo: tzinfo, offset_micros: int) -> Zone:
        """Return the zone that is always `offset_micros` east of Greenwich."""
        if not -MAX_OFFSET < offset_micros < MAX_OFFSET:
            raise ValueError(
                f"UTC offset must be less than a day, got: {offset_micros} microseconds"
            )
        span = Span(MIN_MICROS, MAX_MICROS + 1, offset_micros, offset_micros, offset_micros)
        return Zone(tzinfo, lambda _: span, offset_micros)

    @staticmethod
    def from_tzinfo(tzinfo: tzinfo) -> Zone:
        """Return the zone that a foreign `tzinfo` describes when it is asked for its offsets."""
        return _ForeignZone(tzinfo)

    def span(self, at: int) -> Span:
        """Return the span that holds `at`, which is within `MIN_MICROS`-`MAX_MICROS`."""
        recent = self._recent
        if recent.start <= at < recent.end:
            return recent
        self._recent = found = self._locate(at)
        return found

    def span_at(self, at: int) -> tuple[int, int, int]:
        """Return the first instant, the first instant after, and the offset of the span that holds `at`."""
        span = self.span(min(max(at, MIN_MICROS), MAX_MICROS))
        return span.start, span.end, span.offset

    def instant(self, moment: datetime) -> int | None:
        """Return the instant of a wall time of this zone, whose fold tells the pass of an overlap.

        None if the wall clock never reads it, or the instant is outside of the years 1 to 9999.
        """
        second = (moment.hour * 60 + moment.minute) * 60 + moment.second
        wall = (moment.toordinal() - _EPOCH_DAY) * DAY + second * SECOND + moment.microsecond
        span = self._recent
        if span.fold_end <= wall - span.offset < span.fold_start:
            return wall - span.offset
        span = self.span(min(max(wall - DAY, MIN_MICROS), MAX_MICROS))
        while span.end <= MAX_MICROS:
            bounds = span.offset, span.after
            if wall < span.end + (min(bounds) if moment.fold else max(bounds)):
                break
            span = self.span(span.end)
        at = wall - span.offset
        exists = MIN_MICROS <= at <= MAX_MICROS and at + self.span(at).offset == wall
        return at if exists else None

    def to_datetime(self, at: int) -> datetime:
        """Return the wall time of `at`: aware, with the right fold. Raise ValueError outside of `first`-`last`."""
        span = self.span(at)
        try:
            moment = self._base + timedelta(0, 0, at + span.offset)
        except OverflowError:
            raise ValueError(
                "wall time must be of the years 1 to 9999,"
                f" got: {at + span.offset} microseconds since 1970"
            ) from None
        return moment.replace(fold=1) if at < span.fold_end else moment

    def first_pass(self, wall: int) -> int | None:
        """Return the first instant at which the wall clock reads `wall`, or None if it never does."""
        guess = wall - self._recent.offset
        if MIN_MICROS <= guess <= MAX_MICROS:
            span = self.span(guess)
            at = wall - span.offset
            if span.fold_end <= at < span.end:
                return at
        at = max(MIN_MICROS, wall - MAX_OFFSET)
        while at <= MAX_MICROS and at <= wall + MAX_OFFSET:
            span = self.span(at)
            if span.start <= wall - span.offset < span.end:
                return wall - span.offset
            at = span.end
        return None


class _ForeignZone(Zone):
    """A zone that knows no more than `utcoffset()` tells."""

    __slots__ = ()

    is_native = False

    def __init__(self, tzinfo: tzinfo) -> None:
        self.tzinfo = tzinfo  # asked by the next line already
        super().__init__(tzinfo, self._locate_by_asking, self._offset(MAX_MICROS))

    def instant(self, moment: datetime) -> int | None:
        """Leave it to the `tzinfo`, which need not heed the fold."""
        return None

    def to_datetime(self, at: int) -> datetime:
        return (_EPOCH + timedelta(0, 0, at)).astimezone(self.tzinfo)

    def _offset(self, at: int) -> int:
        at = min(max(at, MIN_MICROS + DAY), MAX_MICROS - DAY)
        offset = (_EPOCH + timedelta(0, 0, at)).astimezone(self.tzinfo).utcoffset()
        if offset is None:
            raise ValueError(f"timezone must have a UTC offset, got: {self.tzinfo!r}")
        return offset // timedelta(microseconds=1)

    def _locate_by_asking(self, at: int) -> Span:
        offset = self._offset(at)
        start, before = self._reach(at, offset, -DAY)
        end, after = self._reach(at, offset, DAY)
        return Span(start, end, offset, before, after)

    def _reach(self, at: int, offset: int, step: int) -> tuple[int, int]:
        """Return the end of the span in the direction of `step`, and the offset beyond."""
        for _ in range(_FOREIGN_REACH):
            further = at + step
            if not MIN_MICROS < further < MAX_MICROS:
                return (MIN_MICROS if step < 0 else MAX_MICROS + 1), offset
            if self._offset(further) != offset:
                return self._edge(min(at, further), max(at, further), step < 0, offset)
            at = further
        return at, offset

    def _edge(self, low: int, high: int, want_start: bool, offset: int) -> tuple[int, int]:
        """Return the first whole second after `low` that has the offset of `high`, and the offset beyond."""
        low, high = low // SECOND, high // SECOND
        while high - low > 1:
            middle = (low + high) // 2
            if (self._offset(middle * SECOND) == offset) == want_start:
                high = middle
            else:
                low = middle
        return high * SECOND, self._offset((low if want_start else high) * SECOND)


class _TransitionTable:
    """The spans of TZif data: a list of transitions, then as many as are asked for of those that a rule makes."""

    __slots__ = ("_known", "_listed", "_rule")

    def __init__(self, data: bytes) -> None:
        parsed = parse_tzif(data)
        self._listed = [(MIN_MICROS // SECOND, parsed.offset), *parsed.transitions]
        self._rule = parsed.rule
        if (
            parsed.rule is not None
            and len(_merge(parsed.rule.transitions(2000) + parsed.rule.transitions(2001))[0]) == 1
        ):
            self._rule = None
        #: The starts of the spans that are known, the spans, and the first instant that they do not tell.
        self._known: tuple[list[int], list[Span], int] = ([], [], MIN_MICROS)

    def locate(self, at: int) -> Span:
        """Return the span that holds `at`."""
        starts, spans, end = self._known
        if at >= end:
            self._known = starts, spans, _ = self._know(at)
        return spans[bisect_right(starts, at) - 1]

    def offset_at_end(self) -> int:
        """Return the offset at the end of the year 9999."""
        return _merge(self._changes(_MAX_YEAR, _MAX_YEAR))[1][-1]

    def _know(self, at: int) -> tuple[list[int], list[Span], int]:
        """Return what there is to know up to `at`, and as far again."""
        year, _, _ = civil_from_days(at // DAY)
        ruled_from = _year_of(self._listed[-1][0])
        year = max(year, ruled_from)
        last_year = min(_MAX_YEAR, year + max(_YEARS_BEYOND, year - ruled_from))
        starts, offsets = _merge(self._changes(ruled_from, last_year))
        ends = [*starts[1:], MAX_MICROS + 1]
        spans = list(
            map(Span, starts, ends, offsets, offsets[:1] + offsets, offsets[1:] + offsets[-1:])
        )
        is_all = self._rule is None or last_year == _MAX_YEAR
        return starts, spans, MAX_MICROS + 1 if is_all else starts[-1]

    def _changes(self, first_year: int, last_year: int) -> list[tuple[int, int]]:
        """Return the listed changes, and those that the rule makes in these years and a year around them."""
        if self._rule is None:
            return self._listed
        last, _ = self._listed[-1]
        years = range(first_year - 1, last_year + 2)
        return self._listed + [
            change for year in years for change in self._rule.transitions(year) if change[0] > last
        ]


def _year_of(seconds: int) -> int:
    day = min(max(seconds * SECOND, MIN_MICROS), MAX_MICROS) // DAY
    return civil_from_days(day)[0]


def _merge(changes: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Return starts and offsets in microseconds, one for each change that is one, within the years 1 to 9999."""
    starts: list[int] = []
    offsets: list[int] = []
    for seconds, offset_seconds in changes:
        start, offset = max(seconds * SECOND, MIN_MICROS), offset_seconds * SECOND
        if start > MAX_MICROS:
            break
        if starts and starts[-1] == start:
            starts.pop()
            offsets.pop()
        if not offsets or offsets[-1] != offset:
            starts.append(start)
            offsets.append(offset)
    return starts, offsets
