"""Cron fields as bit masks: bit n of a mask stands for the value n."""

from __future__ import annotations

from typing import NamedTuple

from rota._reference.civil import first_of_month, is_leap, iso_week, month_length, weekday

__all__ = ["CronFields", "DaySpec", "MonthMasks", "bits", "check_fields"]

_SATURDAY, _SUNDAY = 5, 6
#: The first of the month, and every seventh day after it.
_EVERY_WEEK = 1 << 1 | 1 << 8 | 1 << 15 | 1 << 22 | 1 << 29


class DaySpec(NamedTuple):
    """Days of a month; a date matches if any part does."""

    days: int  #: bits 1-31
    from_end: int  #: bit k: k days before the last day
    nearest_weekday: (
        int  #: bit d: the Monday-Friday nearest to day d in its month; bit 0: the last one
    )
    nth: int  #: bit weekday * 5 + (n - 1): the n-th such weekday
    last_weekday: int  #: bit weekday: the last such weekday
    weekdays: int  #: bit weekday: every such weekday


class CronFields(NamedTuple):
    """What the wall clock must read."""

    second: int  #: bits 0-59
    minute: int  #: bits 0-59
    hour: int  #: bits 0-23
    month: int  #: bits 1-12
    years: bytes | None  #: a bit for each year, little-endian; None: any
    weeks: int  #: ISO 8601 weeks, bits 1-53; 0: any
    day: DaySpec
    day_of_week: DaySpec
    either: bool  #: whether one of `day` and `day_of_week` suffices


def bits(mask: int) -> list[int]:
    """Return the positions of the bits that are set, ascending."""
    return [position for position in range(mask.bit_length()) if mask >> position & 1]


def check_fields(fields: CronFields) -> CronFields:
    """Return the fields as named tuples. Raise ValueError if a mask has bits where its field has no values."""
    named = CronFields(*fields[:6], DaySpec(*fields[6]), DaySpec(*fields[7]), bool(fields[8]))
    limits = (
        ("second", named.second, 0, 59),
        ("minute", named.minute, 0, 59),
        ("hour", named.hour, 0, 23),
        ("month", named.month, 1, 12),
        ("weeks", named.weeks, 0, 53),
        *((f"days of {name}", spec.days, 0, 31) for name, spec in _day_specs(named)),
        *((f"from_end of {name}", spec.from_end, 0, 30) for name, spec in _day_specs(named)),
        *(
            (f"nearest_weekday of {name}", spec.nearest_weekday, 0, 31)
            for name, spec in _day_specs(named)
        ),
        *((f"nth of {name}", spec.nth, 0, 34) for name, spec in _day_specs(named)),
        *((f"last_weekday of {name}", spec.last_weekday, 0, 6) for name, spec in _day_specs(named)),
        *((f"weekdays of {name}", spec.weekdays, 0, 6) for name, spec in _day_specs(named)),
    )
    for name, mask, low, high in limits:
        if mask < 0 or mask >> (high + 1):
            raise ValueError(f"{name} must be a mask of {low}-{high}, got: {mask:#x}")
    return named


def _day_specs(fields: CronFields) -> tuple[tuple[str, DaySpec], tuple[str, DaySpec]]:
    return ("day", fields.day), ("day_of_week", fields.day_of_week)


#: By year modulo 400: the first weekday and the length of a year, as one number.
_YEAR_KINDS = bytes(
    weekday(first_of_month(year, 1)) * 2 + is_leap(year) for year in range(2000, 2400)
)


class MonthMasks:
    """The matching days of any month, computed once for each kind of month that is asked for."""

    __slots__ = ("_either", "_month", "_months", "_months_of_years", "_specs", "_weeks")

    def __init__(self, fields: CronFields) -> None:
        self._specs = (fields.day, fields.day_of_week)
        self._either = fields.either
        self._weeks = fields.weeks
        self._month = fields.month
        self._months: dict[int, int] = {}
        self._months_of_years: dict[int, int] = {}

    def months(self, year: int) -> int:
        """Return the months of `year` that have matching days: bits 1-12."""
        # Without weeks a year is known by its first weekday and its length; with them by its place in 400 years.
        kind = year % 400 if self._weeks else _YEAR_KINDS[year % 400]
        months = self._months_of_years.get(kind)
        if months is None:
            candidates = (
                month
                for month in bits(self._month)
                if self.days(year, month, first_of_month(year, month))
            )
            months = self._months_of_years[kind] = sum(1 << month for month in candidates)
        return months

    def days(self, year: int, month: int, first_day: int) -> int:
        """Return the matching days of a month: bits 1-31. `first_day` is its first, in days since 1970-01-01."""
        if not self._month >> month & 1:
            return 0
        first, length = weekday(first_day), month_length(year, month)
        kind = (year % 400) * 12 + month if self._weeks else first * 4 + length
        mask = self._months.get(kind)
        if mask is None:
            day, day_of_week = (_days_of(spec, first, length) for spec in self._specs)
            mask = day | day_of_week if self._either else day & day_of_week
            if self._weeks:
                mask &= self._days_in_weeks(year, month, length)
            self._months[kind] = mask
        return mask

    def _days_in_weeks(self, year: int, month: int, length: int) -> int:
        days = range(1, length + 1)
        return sum(1 << day for day in days if self._weeks >> iso_week(year, month, day) & 1)


def _days_of(spec: DaySpec, first: int, length: int) -> int:
    """Return the days that match `spec` in a month that begins on weekday `first`."""
    mask = spec.days
    for back in bits(spec.from_end):
        mask |= 1 << max(0, length - back)
    for day in bits(spec.nearest_weekday):
        mask |= 1 << _nearest_weekday(day or length, first, length)
    for position in bits(spec.nth):
        name, number = divmod(position, 5)
        mask |= 1 << (1 + (name - first) % 7 + 7 * number)
    for name in bits(spec.last_weekday):
        mask |= 1 << (length - (first + length - 1 - name) % 7)
    for name in bits(spec.weekdays):
        mask |= _EVERY_WEEK << (name - first) % 7
    return mask & ((1 << length + 1) - 2)


def _nearest_weekday(day: int, first: int, length: int) -> int:
    """Return the Monday-Friday nearest to `day` within the month, or 0 if the month has no such day."""
    if day > length:
        return 0
    name = (first + day - 1) % 7
    if name == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if name == _SUNDAY:
        return day + 1 if day < length else day - 2
    return day
