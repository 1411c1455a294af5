"""A cron trigger in English, said of what its fields match and not of how they are written."""

from __future__ import annotations

from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from rota.triggers._cron_syntax import FIELDS, parse_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rota._core import DaySpec
    from rota.triggers import CronTrigger

__all__ = ["in_words"]

UNITS = ("hour", "minute", "second")
SIZES = (24, 60, 60)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
PLACES = ("first", "second", "third", "fourth", "fifth")
FIRST_YEAR, LAST_YEAR = 1970, 9999
FEW_TIMES, MOST_TIMES = 2, 6  #: that are told one by one: always, and if there is no shorter way
MOST_DAYS = 31
ALL_DAYS = (2 << MOST_DAYS) - 2  # bit 0 is no day
ALL_WEEKDAYS = (1 << 7) - 1


def in_words(trigger: CronTrigger) -> str:
    """Return when a trigger fires, in English: `At 09:00 on Monday to Friday`. The range of its time is not told."""
    texts = attrgetter(*FIELDS)(trigger)
    masks = parse_fields(texts, trigger.either_day).masks
    second, minute, hour, month, years, week, day, day_of_week, either = masks
    clock = _clock(_values(hour), _values(minute), _values(second))
    months = "" if month.bit_count() == len(MONTHS) else _runs(_values(month), (None, *MONTHS))
    all_days, all_weekdays = day[0] == ALL_DAYS, day_of_week[5] == ALL_WEEKDAYS
    if (all_days or all_weekdays) if either else (all_days and all_weekdays):
        daily = clock.startswith("At ") and " of " not in clock
        date = (" every day" if daily else "") + (f" in {months}" if months else "")
    else:
        date = _date(day, day_of_week, months, either)
    if week:
        weeks = _values(week)
        date += f" in week{'s' if len(weeks) > 1 else ''} {_runs(weeks)} of the year"
    if years is not None:
        date += f" in {_years(_values(int.from_bytes(years, 'little')))}"
    return clock + date


def _values(mask: int) -> list[int]:
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]


# --- the time of day ----------------------------------------------------------------------------------------------


class _Progression(NamedTuple):
    """Values of a field at equal distances."""

    first: int
    last: int
    step: int
    even: bool  #: whether the last one of an hour is as far from the first of the next, so that it never falters


def _progression(values: Sequence[int], size: int) -> _Progression | None:
    steps = {after - before for before, after in pairwise(values)}
    if len(steps) != 1 or (len(values) < 3 and len(values) * min(steps) != size):
        return None
    (step,) = steps
    return _Progression(values[0], values[-1], step, values[0] + size == values[-1] + step)


def _clock(*fields: Sequence[int]) -> str:
    """Return what hours, minutes and seconds say."""
    return (
        _listed(fields, FEW_TIMES)
        or _repeated(fields)
        or _listed(fields, MOST_TIMES)
        or _nested(fields)
    )


def _repeated(fields: Sequence[Sequence[int]]) -> str | None:
    """Return `Every 5 minutes from 09:00 to 17:55`, if all is that regular from its first to its last time."""
    varying = [i for i, values in enumerate(fields) if len(values) > 1]
    lowest = varying[-1]
    above = fields[:lowest]
    found = _progression(fields[lowest], SIZES[lowest])
    if found is None or (len(varying) > 1 and not (found.even and _is_one_range(above))):
        return None
    every = f"Every {UNITS[lowest]}" if found.step == 1 else f"Every {found.step} {UNITS[lowest]}s"
    if varying == [*range(lowest + 1)] and all(map(_is_full, above, SIZES)):
        if found.even and found.first == 0 and (above or found.step == 1):
            return every + _past(fields[lowest + 1 :], lowest + 1)
        if above:
            return None  # of every hour or minute: there is no first and last
    first, last = ([values[end] for values in fields] for end in (0, -1))
    return f"{every} from {_time(first, fields)} to {_time(last, fields)}"


def _is_full(values: Sequence[int], size: int) -> bool:
    return len(values) == size


def _is_one_range(above: Sequence[Sequence[int]]) -> bool:
    """Tell whether hours, or hours and minutes, have no hole between the first and the last."""
    rest = [*above]
    while rest and _is_full(rest[-1], SIZES[len(rest) - 1]):
        rest.pop()
    if rest and rest[-1][-1] - rest[-1][0] + 1 == len(rest[-1]):
        rest.pop()
    return all(len(values) == 1 for values in rest)


def _past(below: Sequence[Sequence[int]], lowest: int) -> str:
    """Return at which minute and second each repetition is, unless at the full hour or minute."""
    texts = [
        f"{unit} {values[0]}"
        for unit, values in zip(UNITS[lowest:], below, strict=True)
        if any(values)
    ]
    return f" at {', '.join(texts)}" if texts else ""


def _listed(fields: Sequence[Sequence[int]], most: int) -> str | None:
    """Return `At 09:00 and 17:00`, if these are not too many."""
    hours, minutes, seconds = fields
    if len(hours) * len(minutes) * len(seconds) > most:
        return None
    times = [_time((h, m, s), fields) for h in hours for m in minutes for s in seconds]
    return f"At {_joined(times)}"


def _nested(fields: Sequence[Sequence[int]]) -> str:
    """Return `At minutes 1 and 7 to 9 of every hour`, which says everything."""
    parts = []
    for unit, values, size in reversed([*zip(UNITS, fields, SIZES, strict=True)]):
        if unit == "second" and [*values] == [0]:
            continue
        found = _progression(values, size)
        if len(values) == size:
            parts.append(f"every {unit}")
        elif found is not None and found.step > 1 and len(values) > MOST_TIMES:
            parts.append(f"every {_ordinal(found.step)} {unit} from {found.first} to {found.last}")
        else:
            parts.append(f"{unit}{'s' if len(values) > 1 else ''} {_runs(values)}")
    return f"At {' of '.join(parts)}"


def _time(moment: Sequence[int], fields: Sequence[Sequence[int]]) -> str:
    """Return a time of day, with seconds if any that is meant has some."""
    shown = moment if any(fields[-1]) else moment[:-1]
    return ":".join(f"{value:02}" for value in shown)


# --- the date -----------------------------------------------------------------------------------------------------


def _date(day: DaySpec, day_of_week: DaySpec, months: str, either: bool) -> str:
    """Return what day, day of week and month say, with a space before it."""
    of = f" of {months or 'the month'}"
    all_days, all_weekdays = day[0] == ALL_DAYS, day_of_week[5] == ALL_WEEKDAYS
    days, days_need_of = _days(day)
    weekdays, weekdays_need_of = _days(day_of_week, "or" if not all_days and not either else "and")
    within = f" in {months}" if months else ""
    if all_weekdays or all_days:
        text, needs_of = (days, days_need_of) if all_weekdays else (weekdays, weekdays_need_of)
        return f" on {text}{of if needs_of else within}"
    of_days = of if days_need_of else within
    if either:
        return f" on {days}{of_days}, or on {weekdays}{of if weekdays_need_of else within}"
    return f" on {days}{of_days}, if that is {weekdays}"


def _days(spec: DaySpec, word: str = "and") -> tuple[str, bool]:
    """Return the days of a field, and whether they are days of a month."""
    days, from_end, nearest, nth, last, weekdays = spec
    names = [_runs(_values(weekdays), WEEKDAYS, word)] if weekdays else []
    texts = [_numbered(_values(days), word)] if days else []
    texts += [f"the {PLACES[bit % 5]} {WEEKDAYS[bit // 5]}" for bit in _values(nth)]
    texts += [f"the last {WEEKDAYS[weekday]}" for weekday in _values(last)]
    for number in _values(nearest):
        place = (
            f"the working day nearest the {_ordinal(number)}" if number else "the last working day"
        )
        texts.append(f"{place} (Monday to Friday)")
    for number in _values(from_end):
        texts.append(f"the {_ordinal(number)} day before the last" if number else "the last day")
    return _joined(names + texts, word), bool(texts)


def _numbered(days: Sequence[int], word: str) -> str:
    found = _progression(days, MOST_DAYS)
    if found is not None and found.step > 1 and len(days) > MOST_TIMES:
        first, last = _ordinal(found.first), _ordinal(found.last)
        return f"every {_ordinal(found.step)} day from the {first} to the {last}"
    return f"the {_runs(days, [_ordinal(number) for number in range(MOST_DAYS + 1)], word)}"


# --- words --------------------------------------------------------------------------------------------------------


def _years(years: Sequence[int]) -> str:
    first, last = years[0], years[-1]
    if last == LAST_YEAR and len(years) == LAST_YEAR - first + 1:
        return "every year" if first == FIRST_YEAR else f"{first} and after"
    return _runs(years)


def _runs(
    values: Sequence[int], names: Sequence[str | None] | None = None, word: str = "and"
) -> str:
    """Return values in a row as `1, 2 and 7 to 9`, by names if there are some."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    texts: list[str] = []
    for run in runs:
        shown = [str(value if names is None else names[value]) for value in run]
        texts += [f"{shown[0]} to {shown[-1]}"] if len(run) > 2 else shown
    return _joined(texts, word)


def _joined(texts: Sequence[str], word: str = "and") -> str:
    *others, last = texts
    return f"{', '.join(others)} {word} {last}" if others else last


def _ordinal(number: int) -> str:
    special = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if 10 < number % 100 < 14 else special.get(number % 10, 'th')}"
