"""The proleptic Gregorian calendar on integers: days since 1970-01-01, years, months and weekdays (Monday is 0)."""

from __future__ import annotations

from datetime import date

__all__ = [
    "DAY_OF_ORDINAL_ZERO",
    "MAX_DAY",
    "MIN_DAY",
    "civil_from_days",
    "days_from_civil",
    "first_of_month",
    "is_leap",
    "iso_week",
    "month_length",
    "weekday",
]

#: `date.toordinal()` plus this is the number of days since 1970-01-01.
DAY_OF_ORDINAL_ZERO = -719_163

#: 0001-01-01 and 9999-12-31
MIN_DAY = date.min.toordinal() + DAY_OF_ORDINAL_ZERO
MAX_DAY = date.max.toordinal() + DAY_OF_ORDINAL_ZERO

_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS_BEFORE_MONTH = (0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def is_leap(year: int) -> bool:
    """Tell whether `year` has a 29th of February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(year: int, month: int) -> int:
    """Return the number of days of `month` (1-12)."""
    return 29 if month == 2 and is_leap(year) else _LENGTHS[month]


def days_from_civil(year: int, month: int, day: int) -> int:
    """Return the days since 1970-01-01 of a date of any year."""
    past = year - 1
    leap_day = 1 if month > 2 and is_leap(year) else 0
    ordinal = (
        past * 365
        + past // 4
        - past // 100
        + past // 400
        + _DAYS_BEFORE_MONTH[month]
        + leap_day
        + day
    )
    return ordinal + DAY_OF_ORDINAL_ZERO


def civil_from_days(day: int) -> tuple[int, int, int]:
    """Return the year, month and day of month of `day`, which is within `MIN_DAY`-`MAX_DAY`."""
    found = date.fromordinal(day - DAY_OF_ORDINAL_ZERO)
    return found.year, found.month, found.day


def first_of_month(year: int, month: int) -> int:
    """Return the days since 1970-01-01 of the first of a month of the years 1 to 9999."""
    return date(year, month, 1).toordinal() + DAY_OF_ORDINAL_ZERO


def weekday(day: int) -> int:
    """Return the weekday of `day`: 1970-01-01 was a Thursday."""
    return (day + 3) % 7


def iso_week(year: int, month: int, day: int) -> int:
    """Return the ISO 8601 week (1-53) of a date of any year: the calendar repeats every 400 years."""
    return date(year % 400 + 2000, month, day).isocalendar()[1]
