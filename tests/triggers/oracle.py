"""Cron by brute force, sharing no code with rota: walk UTC step by step and read the wall clock through `zoneinfo`.

An expression is matched by asking for each field of each wall time whether the text allows it.
"""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

MONTHS = ["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def allows(text: str, value: int, low: int, high: int, names: list[str] = []) -> bool:  # noqa: B006 - only read
    """Tell whether a list of numbers, names, ranges and steps has `value`."""

    def number(word: str) -> int:
        return names.index(word.lower()) if word.lower() in names else int(word)

    for item in text.split(","):
        span, _, step = item.strip().partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = map(number, span.split("-"))
        else:
            first = number(span)
            last = high if step else first
        if last < first and span.lower().endswith("-sun"):
            last = 7
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


def weekday_of(day: date) -> int:
    """Return 0 for Sunday to 6 for Saturday."""
    return day.isoweekday() % 7


def month_has(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def nearest_weekday(day: date, number: int) -> date | None:
    """Return the Monday-Friday of the month of `day` that is nearest to the day `number`."""
    if number > month_has(day):
        return None
    wanted = day.replace(day=number)
    for distance in (0, -1, 1, -2, 2):
        near = wanted + timedelta(days=distance)
        if near.month == wanted.month and near.isoweekday() <= 5:
            return near
    raise AssertionError("five days in a row have a weekday")


def is_nth(day: date, weekday: int, n: int) -> bool:
    return weekday_of(day) == weekday and (day.day - 1) // 7 + 1 == n


def is_last(day: date, weekday: int) -> bool:
    return weekday_of(day) == weekday and day.day + 7 > month_has(day)


def day_allows(text: str, day: date) -> bool:
    """Tell whether the field for the day of the month has `day`."""
    return any(_day_item_allows(item.strip().lower(), day) for item in text.split(","))


def _day_item_allows(item: str, day: date) -> bool:
    words = item.split()
    if item == "?":
        return True
    if len(words) == 2:
        weekday = WEEKDAYS.index(words[1])
        return (
            is_last(day, weekday) if words[0] == "last" else is_nth(day, weekday, int(words[0][0]))
        )
    if item in ("l", "last"):
        return day.day == month_has(day)
    if item == "lw":
        return day == nearest_weekday(day, month_has(day))
    if item.startswith("l-"):
        return day.day == month_has(day) - int(item[2:])
    if item.endswith("w"):
        return day == nearest_weekday(day, int(item[:-1]))
    return allows(item, day.day, 1, 31)


def weekday_allows(text: str, day: date) -> bool:
    """Tell whether the field for the day of the week has `day`."""
    return any(_weekday_item_allows(item.strip().lower(), day) for item in text.split(","))


def _weekday_item_allows(item: str, day: date) -> bool:
    def weekday(word: str) -> int:
        return WEEKDAYS.index(word) if word in WEEKDAYS else int(word) % 7

    if item == "?":
        return True
    if "#" in item:
        name, _, n = item.partition("#")
        return is_nth(day, weekday(name), int(n))
    if item.endswith("l"):
        return is_last(day, weekday(item[:-1]))
    sunday_based = weekday_of(day)
    values = [0, 7] if sunday_based == 0 and item[0] != "*" else [sunday_based]
    return any(allows(item, value, 0, 6, WEEKDAYS) for value in values)


class Expression:
    """Six fields of text: second, minute, hour, day, month and day of week."""

    def __init__(self, text: str, either_day: bool = False) -> None:
        fields = text.split(" ")
        self.second, self.minute, self.hour, self.day, self.month, self.weekday = (
            fields if len(fields) == 6 else ["0", *fields]
        )
        self.either_day = either_day and self.day[0] not in "*?" and self.weekday[0] not in "*?"
        self.is_fixed = "*" not in self.second + self.minute + self.hour
        self._dates: dict[date, bool] = {}

    def matches_date(self, day: date) -> bool:
        known = self._dates.get(day)
        if known is None:
            by_day, by_weekday = day_allows(self.day, day), weekday_allows(self.weekday, day)
            known = (by_day or by_weekday) if self.either_day else (by_day and by_weekday)
            known = self._dates[day] = known and allows(self.month, day.month, 1, 12, MONTHS)
        return known

    def matches(self, wall: datetime) -> bool:
        return (
            self.matches_date(wall.date())
            and allows(self.hour, wall.hour, 0, 23)
            and allows(self.minute, wall.minute, 0, 59)
            and allows(self.second, wall.second, 0, 59)
        )


def walk(
    expression: Expression,
    zone: tzinfo,
    start: datetime,
    end: datetime,
    gap: str,
    overlap: str,
    step: timedelta = timedelta(minutes=1),
) -> Iterator[datetime]:
    """Yield, in UTC, when `expression` fires from `start` to `end`, inclusive, trying every step of the way.

    `start` must not be the end of a gap, and the wall times within gaps that could match be whole steps.
    """
    gap = ("shift_to_gap_end" if expression.is_fixed else "skip") if gap == "auto" else gap
    overlap = ("first" if expression.is_fixed else "both") if overlap == "auto" else overlap
    previous = (start - step).astimezone(zone).replace(tzinfo=None)
    at = start
    while at <= end:
        there = at.astimezone(zone)
        wall = there.replace(tzinfo=None)
        if fires(expression, there, overlap):
            yield at
        elif gap == "shift_to_gap_end":
            swallowed = previous + step
            while swallowed < wall:
                if expression.matches(swallowed):
                    yield at
                    break
                swallowed += step
        previous = wall.replace(fold=0)
        at += step


def fires(expression: Expression, there: datetime, overlap: str) -> bool:
    """Tell whether a wall time matches, and is of the pass that `overlap` wants."""
    if not expression.matches(there.replace(tzinfo=None)):
        return False
    early, late = there.replace(fold=0).utcoffset(), there.replace(fold=1).utcoffset()
    assert early is not None
    assert late is not None
    is_repeated = early > late
    return overlap == "both" or not is_repeated or there.fold == (0 if overlap == "first" else 1)


def by_date(expression: Expression, start: datetime, count: int) -> list[datetime]:
    """Return the first `count` fire times in UTC, date by date and then second by second."""
    found: list[datetime] = []
    day = start.date()
    while len(found) < count:
        if expression.matches_date(day):
            midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
            found += [at for at in times_of_day(expression, midnight) if at >= start][
                : count - len(found)
            ]
        day += timedelta(days=1)
    return found


def times_of_day(expression: Expression, midnight: datetime) -> Iterator[datetime]:
    for hour in range(24):
        if allows(expression.hour, hour, 0, 23):
            for minute in range(60):
                if allows(expression.minute, minute, 0, 59):
                    for second in range(60):
                        if allows(expression.second, second, 0, 59):
                            yield midnight.replace(hour=hour, minute=minute, second=second)


def transitions(zone: tzinfo, first_year: int, last_year: int) -> list[datetime]:
    """Return the instants at which the UTC offset of `zone` changes, found by asking day by day, then bisecting."""
    found: list[datetime] = []
    day = datetime(first_year, 1, 1, tzinfo=timezone.utc)
    offset = day.astimezone(zone).utcoffset()
    while day.year <= last_year:
        following = day + timedelta(days=1)
        next_offset = following.astimezone(zone).utcoffset()
        if next_offset != offset:
            low, high = day, following
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low).total_seconds() // 2)
                low, high = (
                    (middle, high)
                    if middle.astimezone(zone).utcoffset() == offset
                    else (low, middle)
                )
            found.append(high)
        day, offset = following, next_offset
    return found
