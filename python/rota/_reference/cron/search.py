"""The search on the wall clock: the first and the last matching second, by bit masks, without a time zone.

A wall second counts the seconds since 1970-01-01T00:00:00 on the wall.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rota._reference.civil import MAX_DAY, MIN_DAY, civil_from_days, days_from_civil, month_length
from rota._reference.cron.field import MonthMasks, check_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rota._reference.cron.field import CronFields

__all__ = ["WallSearch", "wall_search"]

_DAY_SECONDS = 86_400
_ALL_MONTHS = 0b1_1111_1111_1110
#: The calendar repeats after this many years, so what they do not have never comes.
_CYCLE_YEARS = 400
_MIN_YEAR, _MAX_YEAR = 1, 9999


@lru_cache(maxsize=1024)
def wall_search(fields: CronFields) -> WallSearch:
    """Return the search of `fields`, which equal fields share. Raise ValueError if a mask is out of bounds."""
    return WallSearch(check_fields(fields))


class WallSearch:
    """Finds the seconds at which the wall clock reads what the fields ask for."""

    __slots__ = ("_earliest", "_hours", "_latest", "_masks", "_minutes", "_months", "_recent", "_seconds", "_years")

    def __init__(self, fields: CronFields) -> None:
        self._seconds = fields.second
        self._minutes = fields.minute
        self._hours = fields.hour
        self._months = fields.month & _ALL_MONTHS
        self._years = -1 if fields.years is None else int.from_bytes(fields.years, "little")
        self._masks = MonthMasks(fields)
        #: The month that was looked at last: its first day, the first day after, and its matching days.
        self._recent = (0, 0, 0)
        #: The first and the last matching second of a day that matches.
        self._earliest = self._latest = -1
        if self._seconds and self._minutes and self._hours:
            self._earliest = _lowest(self._hours) * 3600 + _lowest(self._minutes) * 60 + _lowest(self._seconds)
            self._latest = _highest(self._hours) * 3600 + _highest(self._minutes) * 60 + _highest(self._seconds)

    def first(self, wall: int) -> int | None:
        """Return the first matching wall second that is `wall` or later, within the years 1 to 9999."""
        day, second_of_day = divmod(wall, _DAY_SECONDS)
        if day < MIN_DAY:
            day, second_of_day = MIN_DAY, 0
        if day > MAX_DAY or self._earliest < 0:
            return None
        first, end, mask = self._recent
        if not first <= day < end:
            first, end, mask = self._month(day)
        days = mask >> (day - first + 1)
        if days & 1:
            second_of_day = self._time_from(second_of_day)
            if second_of_day >= 0:
                return day * _DAY_SECONDS + second_of_day
        days >>= 1
        if days:
            return (day + (days & -days).bit_length()) * _DAY_SECONDS + self._earliest
        if end > MAX_DAY:
            return None
        for year, month in self._months_from(*civil_from_days(end)[:2]):
            mask = self._masks.of(year, month)
            if mask:
                return (days_from_civil(year, month, 1) + _lowest(mask) - 1) * _DAY_SECONDS + self._earliest
        return None

    def last(self, wall: int) -> int | None:
        """Return the last matching wall second that is `wall` or earlier, within the years 1 to 9999."""
        day, second_of_day = divmod(wall, _DAY_SECONDS)
        if day > MAX_DAY:
            day, second_of_day = MAX_DAY, _DAY_SECONDS - 1
        if day < MIN_DAY or self._earliest < 0:
            return None
        first, end, mask = self._recent
        if not first <= day < end:
            first, end, mask = self._month(day)
        number = day - first + 1
        if mask >> number & 1:
            second_of_day = self._time_until(second_of_day)
            if second_of_day >= 0:
                return day * _DAY_SECONDS + second_of_day
        days = mask & ((1 << number) - 1)
        if days:
            return (first + _highest(days) - 1) * _DAY_SECONDS + self._latest
        if first <= MIN_DAY:
            return None
        for year, month in self._months_until(*civil_from_days(first - 1)[:2]):
            mask = self._masks.of(year, month)
            if mask:
                return (days_from_civil(year, month, 1) + _highest(mask) - 1) * _DAY_SECONDS + self._latest
        return None

    def _time_from(self, second_of_day: int) -> int:
        """Return the first matching second of a day from `second_of_day` on, or -1."""
        minute_of_day, second = divmod(second_of_day, 60)
        hour, minute = divmod(minute_of_day, 60)
        if self._hours >> hour & 1:
            if self._minutes >> minute & 1:
                seconds = self._seconds >> second
                if seconds:
                    return second_of_day + (seconds & -seconds).bit_length() - 1
            minutes = self._minutes >> minute + 1
            if minutes:
                return (minute_of_day + (minutes & -minutes).bit_length()) * 60 + self._earliest % 60
        hours = self._hours >> hour + 1
        return (hour + (hours & -hours).bit_length()) * 3600 + self._earliest % 3600 if hours else -1

    def _time_until(self, second_of_day: int) -> int:
        """Return the last matching second of a day up to `second_of_day`, or -1."""
        minute_of_day, second = divmod(second_of_day, 60)
        hour, minute = divmod(minute_of_day, 60)
        if self._hours >> hour & 1:
            if self._minutes >> minute & 1:
                seconds = self._seconds & ((2 << second) - 1)
                if seconds:
                    return minute_of_day * 60 + _highest(seconds)
            minutes = self._minutes & ((1 << minute) - 1)
            if minutes:
                return hour * 3600 + _highest(minutes) * 60 + self._latest % 60
        hours = self._hours & ((1 << hour) - 1)
        return _highest(hours) * 3600 + self._latest % 3600 if hours else -1

    def _month(self, day: int) -> tuple[int, int, int]:
        """Return the first day of the month of `day`, the first day after it, and its matching days."""
        year, month, _ = civil_from_days(day)
        first = days_from_civil(year, month, 1)
        matches = self._months >> month & 1 and self._years >> year & 1
        mask = self._masks.of(year, month) if matches else 0
        self._recent = recent = (first, first + month_length(year, month), mask)
        return recent

    def _months_from(self, year: int, month: int) -> Iterator[tuple[int, int]]:
        """Yield the matching months from a month on, for as long as it takes to see each kind of month."""
        months = self._months >> month << month
        last_year = _MAX_YEAR if self._years > 0 else min(_MAX_YEAR, year + _CYCLE_YEARS)
        while years := self._years >> year:
            skipped = _lowest(years)
            if skipped:
                year, months = year + skipped, self._months
            if year > last_year:
                return
            while months:
                yield year, _lowest(months)
                months &= months - 1
            year, months = year + 1, self._months

    def _months_until(self, year: int, month: int) -> Iterator[tuple[int, int]]:
        """Yield the matching months from a month back, for as long as it takes to see each kind of month."""
        months = self._months & ((2 << month) - 1)
        first_year = _MIN_YEAR if self._years > 0 else max(_MIN_YEAR, year - _CYCLE_YEARS)
        while years := self._years & ((2 << year) - 1):
            if year != _highest(years):
                year, months = _highest(years), self._months
            if year < first_year:
                return
            while months:
                yield year, _highest(months)
                months ^= 1 << _highest(months)
            year, months = year - 1, self._months


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _highest(mask: int) -> int:
    return mask.bit_length() - 1
