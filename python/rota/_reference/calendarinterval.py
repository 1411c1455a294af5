"""Calendar intervals: steps of months and days from date to date, at one time of day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota._reference.civil import (
    DAY_OF_ORDINAL_ZERO,
    MAX_DAY,
    MIN_DAY,
    civil_from_days,
    first_of_month,
    month_length,
)
from rota._reference.instant import DAY
from rota._reference.series import SingleZoneSeries
from rota._reference.zone import MAX_OFFSET

if TYPE_CHECKING:
    from rota._reference.zone import Zone

__all__ = ["CalendarIntervalSeries"]

_LAST_MONTH = 9999 * 12 + 11


class CalendarIntervalSeries(SingleZoneSeries):
    """Dates that follow one another by months, then days; those whose time of day the zone skips do not fire."""

    __slots__ = (
        "_day_of_month",
        "_days",
        "_end",
        "_first_month",
        "_months",
        "_recent",
        "_start",
        "_time_of_day",
        "months_only",
    )

    def __init__(
        self,
        zone: Zone,
        start_ordinal: int,
        end_ordinal: int | None,
        months: int,
        days: int,
        time_of_day_micros: int,
    ) -> None:
        if months < 0 or days < 0 or months + days == 0:
            raise ValueError(
                f"months and days must not be negative, nor both be 0, got: {months}, {days}"
            )
        if not 0 <= time_of_day_micros < DAY:
            raise ValueError(
                f"time of day must be less than a day, got: {time_of_day_micros} microseconds"
            )
        super().__init__(zone, None, None if months else days * DAY)
        self._start = start_ordinal + DAY_OF_ORDINAL_ZERO
        self._end = (
            MAX_DAY if end_ordinal is None else min(MAX_DAY, end_ordinal + DAY_OF_ORDINAL_ZERO)
        )
        if not MIN_DAY <= self._start <= MAX_DAY:
            raise ValueError(
                f"start must be a date of the years 1 to 9999, got the ordinal: {start_ordinal}"
            )
        self._months = months
        self._days = days
        self._time_of_day = time_of_day_micros
        year, month, self._day_of_month = civil_from_days(self._start)
        self._first_month = year * 12 + month - 1
        #: A date of the sequence from which a walk may begin.
        self._recent = self._start
        #: The number of months between fire times that differ in nothing else, or None.
        self.months_only = months if days == 0 else None
        if end_ordinal is not None and (months == 0 or days == 0):
            last = self.last_at_or_before(zone.last)
            self.end = zone.first - 1 if last is None else last

    def first_after(self, after: int) -> int | None:
        zone = self.zone
        near = min(max(after, zone.first), zone.last)
        date = self._date_from((near + zone.span(near).offset) // DAY)
        while date is not None:
            at = zone.first_pass(date * DAY + self._time_of_day)
            if at is not None and after < at and zone.first <= at <= zone.last:
                return at
            date = self._date_from(date + 1)
        return None

    def last_at_or_before(self, at: int) -> int | None:
        zone = self.zone
        at = min(at, zone.last)
        date = self._date_until((at + MAX_OFFSET) // DAY)
        while date is not None:
            found = zone.first_pass(date * DAY + self._time_of_day)
            if found is not None and zone.first <= found <= at:
                return found
            date = self._date_until(date - 1)
        return None

    def _date_from(self, day: int) -> int | None:
        """Return the first date of the sequence that is `day` or later."""
        if day <= self._start:
            date: int | None = self._start
        elif self._months == 0:
            date = day + (self._start - day) % self._days
        elif self._days == 0:
            date = self._date_by_months(day, 1)
        else:
            _, date = self._walk(day)
        return date if date is not None and date <= self._end else None

    def _date_until(self, day: int) -> int | None:
        """Return the last date of the sequence that is `day` or earlier."""
        day = min(day, self._end)
        if day < self._start:
            return None
        if self._months == 0:
            return day - (day - self._start) % self._days
        if self._days == 0:
            return self._date_by_months(day, -1)
        before, date = self._walk(day)
        return date if date == day else before

    def _date_by_months(self, day: int, direction: int) -> int | None:
        """Return the date nearest to `day`, which is not before the start, in a sequence of months alone."""
        year, month, _ = civil_from_days(day)
        since = year * 12 + month - 1 - self._first_month
        index = self._first_month + since // self._months * self._months
        while self._first_month <= index <= _LAST_MONTH:
            date = _date_in_month(index, self._day_of_month)
            if date is not None and (date - day) * direction >= 0:
                return date
            index += direction * self._months
        return None

    def _walk(self, day: int) -> tuple[int, int | None]:
        """Return the last date of the sequence before `day`, which is after the start, and the one that follows it."""
        recent = self._recent
        before = recent if recent < day else self._start
        date = self._step(before)
        while date is not None and date < day:
            before, date = date, self._step(date)
        self._recent = before
        return before, date

    def _step(self, date: int) -> int | None:
        """Return the date that follows `date` in the sequence, or None after the year 9999."""
        year, month, day_of_month = civil_from_days(date)
        index = year * 12 + month - 1 + self._months
        while index <= _LAST_MONTH:
            found = _date_in_month(index, day_of_month)
            if found is not None:
                return found + self._days if found + self._days <= MAX_DAY else None
            index += self._months
        return None


def _date_in_month(index: int, day_of_month: int) -> int | None:
    """Return a day of the month that is `index` months after January of the year 0, if the month has it."""
    year, month = index // 12, index % 12 + 1
    if day_of_month > 28 and day_of_month > month_length(year, month):
        return None
    return first_of_month(year, month) + day_of_month - 1
