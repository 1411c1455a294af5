"""The search on the wall clock: the first and the last matching second, by bit masks, without a time zone.

A wall second counts the seconds since 1970-01-01T00:00:00 on the wall.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rota._reference.civil import MAX_DAY, MIN_DAY, civil_from_days, first_of_month, month_length
from rota._reference.cron.field import MonthMasks, check_fields

if TYPE_CHECKING:
    from rota._reference.cron.field import CronFields

__all__ = ["WallSearch", "wall_search"]

_DAY_SECONDS = 86_400
#: The calendar repeats after this many years, so what they do not have never comes.
_CYCLE_YEARS = 400
_MIN_YEAR, _MAX_YEAR = 1, 9999


@lru_cache(maxsize=1024)
def wall_search(fields: CronFields) -> WallSearch:
    """Return the search of `fields`, which equal fields share. Raise ValueError if a mask is out of bounds."""
    return WallSearch(check_fields(fields))


class WallSearch:
    """Finds the seconds at which the wall clock reads what the fields ask for."""

    __slots__ = (
        "_earliest",
        "_hours",
        "_latest",
        "_masks",
        "_minutes",
        "_recent",
        "_seconds",
        "_years",
    )

    def __init__(self, fields: CronFields) -> None:
        self._seconds = fields.second
        self._minutes = fields.minute
        self._hours = fields.hour
        self._years = -1 if fields.years is None else int.from_bytes(fields.years, "little")
        self._masks = MonthMasks(fields)
        #: The month that was looked at last: its first day, the first day after, its matching days, its place.
        self._recent = (0, 0, 0, 1970, 1)
        #: The first and the last matching second of a day that matches.
        self._earliest = self._latest = -1
        if self._seconds and self._minutes and self._hours:
            self._earliest = (
                _lowest(self._hours) * 3600 + _lowest(self._minutes) * 60 + _lowest(self._seconds)
            )
            self._latest = (
                _highest(self._hours) * 3600
                + _highest(self._minutes) * 60
                + _highest(self._seconds)
            )

    def first(self, wall: int) -> int | None:
        """Return the first matching wall second that is `wall` or later, within the years 1 to 9999."""
        day, second_of_day = divmod(wall, _DAY_SECONDS)
        if day < MIN_DAY:
            day, second_of_day = MIN_DAY, 0
        if day > MAX_DAY or self._earliest < 0:
            return None
        first, end, mask, year, month = self._recent
        if not first <= day < end:
            first, end, mask, year, month = self._month_of(day)
        days = mask >> (day - first + 1)
        if days & 1:
            second_of_day = self._time_from(second_of_day)
            if second_of_day >= 0:
                return day * _DAY_SECONDS + second_of_day
        days >>= 1
        if days:
            return (day + (days & -days).bit_length()) * _DAY_SECONDS + self._earliest
        found = self._day_from(year, month + 1)
        return None if found is None else found * _DAY_SECONDS + self._earliest

    def last(self, wall: int) -> int | None:
        """Return the last matching wall second that is `wall` or earlier, within the years 1 to 9999."""
        day, second_of_day = divmod(wall, _DAY_SECONDS)
        if day > MAX_DAY:
            day, second_of_day = MAX_DAY, _DAY_SECONDS - 1
        if day < MIN_DAY or self._earliest < 0:
            return None
        first, end, mask, year, month = self._recent
        if not first <= day < end:
            first, end, mask, year, month = self._month_of(day)
        number = day - first + 1
        if mask >> number & 1:
            second_of_day = self._time_until(second_of_day)
            if second_of_day >= 0:
                return day * _DAY_SECONDS + second_of_day
        days = mask & ((1 << number) - 1)
        if days:
            return (first + _highest(days) - 1) * _DAY_SECONDS + self._latest
        found = self._day_until(year, month - 1)
        return None if found is None else found * _DAY_SECONDS + self._latest

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
                return (
                    minute_of_day + (minutes & -minutes).bit_length()
                ) * 60 + self._earliest % 60
        hours = self._hours >> hour + 1
        return (
            (hour + (hours & -hours).bit_length()) * 3600 + self._earliest % 3600 if hours else -1
        )

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

    def _month_of(self, day: int) -> tuple[int, int, int, int, int]:
        """Look at the month of `day`, and return what `_recent` then is."""
        year, month, _ = civil_from_days(day)
        return self._look_at(year, month)

    def _look_at(self, year: int, month: int) -> tuple[int, int, int, int, int]:
        first = first_of_month(year, month)
        mask = self._masks.days(year, month, first) if self._years >> year & 1 else 0
        self._recent = recent = (first, first + month_length(year, month), mask, year, month)
        return recent

    def _day_from(self, year: int, month: int) -> int | None:
        """Return the first matching day from a month on, in as many years as it takes to see every kind of month."""
        since = -1 << month
        last_year = _MAX_YEAR if self._years > 0 else min(_MAX_YEAR, year + _CYCLE_YEARS)
        while year <= last_year and (years := self._years >> year):
            if not years & 1:
                year, since = year + _lowest(years), -1
            months = self._masks.months(year) & since
            if months:
                first, _, mask, _, _ = self._look_at(year, _lowest(months))
                return first + _lowest(mask) - 1
            year, since = year + 1, -1
        return None

    def _day_until(self, year: int, month: int) -> int | None:
        """Return the last matching day up to a month, in as many years as it takes to see every kind of month."""
        until = (2 << month) - 1
        first_year = _MIN_YEAR if self._years > 0 else max(_MIN_YEAR, year - _CYCLE_YEARS)
        while year >= first_year and (years := self._years & ((2 << year) - 1)):
            if not years >> year:
                year, until = _highest(years), -1
            months = self._masks.months(year) & until
            if months:
                first, _, mask, _, _ = self._look_at(year, _highest(months))
                return first + _highest(mask) - 1
            year, until = year - 1, -1
        return None


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _highest(mask: int) -> int:
    return mask.bit_length() - 1
