"""The grammar of cron: texts in, bit masks out. It is ASCII, and its texts have a maximum length.

The forms of crontab(5), of Quartz (`L`, `W`, `#`, `?`) and of the user guide (`last`, `3rd fri`, `last fri`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rota.triggers._definition import TriggerDefinitionError, TriggerTypeError, as_integer, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rota._core import CronFields, DaySpec

__all__ = [
    "FIELDS",
    "CronTexts",
    "ParsedCron",
    "complete_fields",
    "parse_fields",
    "split_crontab",
]

_MAX_LENGTH = 1024
#: Programs have many schedules and few fields: what has been read once is kept, of whole triggers and of each field.
_MAX_CACHED = 4096
_MONTHS = dict(
    zip("jan feb mar apr may jun jul aug sep oct nov dec".split(), range(1, 13), strict=True)
)
_WEEKDAYS = dict(zip("sun mon tue wed thu fri sat".split(), range(7), strict=True))
_SUNDAY_AS_LAST = 7
_YEAR_BYTES = 1250
_MAX_DIGITS = 4
_MAX_SHOWN_DIGITS = 20


class _Range(NamedTuple):
    """The values of a field, and their names."""

    low: int
    high: int
    names: dict[str, int] = {}  # noqa: RUF012 - nobody changes it
    others: str = ""  #: what it can be besides numbers, as messages say it


_RANGES = {
    "year": _Range(1970, 9999),
    "month": _Range(1, 12, _MONTHS, " or a name (jan-dec)"),
    "day": _Range(1, 31, others=" or a form (L, L-3, LW, 15W, last, 3rd fri, last fri)"),
    "week": _Range(1, 53),
    "day_of_week": _Range(0, 7, _WEEKDAYS, ", a name (sun-sat) or a form (5#3, 5L)"),
    "hour": _Range(0, 23),
    "minute": _Range(0, 59),
    "second": _Range(0, 59),
}

#: The fields, from the most to the least significant.
FIELDS = tuple(_RANGES)

#: What a field has that is less significant than all that are given.
_LEAST = {
    "year": "*",
    "month": "1",
    "day": "1",
    "week": "*",
    "day_of_week": "*",
    "hour": "0",
    "minute": "0",
    "second": "0",
}

#: What a field has that is more significant than one that is given.
_ALL = dict.fromkeys(FIELDS, "*")

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

CronTexts = tuple[str, str, str, str, str, str, str, str]


class ParsedCron(NamedTuple):
    """What the fields of a cron trigger say."""

    masks: CronFields
    wildcard: bool  #: whether the second, the minute or the hour has a `*`, so that the trigger follows real time


def split_crontab(expression: str, seconds: bool) -> Mapping[str, str]:
    """Return the fields of a crontab expression: five, or six that begin with the second; or of a macro."""
    if not isinstance(expression, str):
        raise TriggerTypeError(f"cron expression must be text, got: {quote(expression)}")
    return _split(expression, bool(seconds))


@lru_cache(maxsize=_MAX_CACHED)
def _split(expression: str, seconds: bool) -> Mapping[str, str]:
    _check_text("cron expression", expression)
    text = expression.strip()
    if text.startswith("@"):
        if text.lower() not in _MACROS:
            macros = ", ".join(_MACROS)
            raise TriggerDefinitionError(
                f"cron expression must be fields or one of {macros}, got: {quote(text)}"
            )
        text, seconds = _MACROS[text.lower()], False
    names = ("second", "minute", "hour", "day", "month", "day_of_week")[0 if seconds else 1 :]
    texts = [each for each in text.replace("\t", " ").split(" ") if each]
    if len(texts) != len(names):
        raise TriggerDefinitionError(
            f"cron expression must have {len(names)} fields ({' '.join(names)}), got: {quote(expression)}"
        )
    return dict(zip(names, texts, strict=True))


def complete_fields(values: tuple[object, ...]) -> CronTexts:
    """Return the texts of `values`, one for each of `FIELDS`.

    A field that is not given is `*` if it is more significant than one that is, else as small as can be.
    """
    _check_types(values)
    texts, others = [], _LEAST
    for name, value in zip(reversed(FIELDS), reversed(values), strict=True):
        if value is None:
            texts.append(others[name])
        else:
            texts.append(_as_text(name, value))
            others = _ALL
    second, minute, hour, day_of_week, week, day, month, year = texts
    return year, month, day, week, day_of_week, hour, minute, second


def parse_fields(texts: CronTexts, either_day: bool) -> ParsedCron:
    """Return what `texts`, one for each of `FIELDS`, say.

    With `either_day`, one of day and day_of_week suffices if neither begins with `*`, as in crontab(5).
    """
    year, month, day, week, day_of_week, hour, minute, second = texts
    masks: CronFields = (
        _numbers("second", second),
        _numbers("minute", minute),
        _numbers("hour", hour),
        _numbers("month", month),
        None if year == "*" else _numbers("year", year).to_bytes(_YEAR_BYTES, "little"),
        0 if week == "*" else _numbers("week", week),
        _days(day),
        _weekdays(day_of_week),
        either_day and day[0] not in "*?" and day_of_week[0] not in "*?",
    )
    return ParsedCron(masks, "*" in second + minute + hour)


def _check_types(values: tuple[object, ...]) -> None:
    """Raise if a value is neither text nor an integer."""
    for name, value in zip(FIELDS, values, strict=True):
        if value is None or isinstance(value, str):
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise TriggerTypeError(f"{name} must be text or an integer, got: {quote(value)}")


def _as_text(name: str, value: object) -> str:
    if isinstance(value, str):
        text = value.strip()
        if not (text and value.isascii() and len(value) <= _MAX_LENGTH):
            _check_text(name, value)
        return text
    return str(as_integer(name, value, _RANGES[name].low, _RANGES[name].high))


def _check_text(name: str, text: str) -> None:
    if len(text) > _MAX_LENGTH:
        raise TriggerDefinitionError(
            f"{name} must have at most {_MAX_LENGTH} characters, got: {quote(text)}"
        )
    if not text.isascii():
        raise TriggerDefinitionError(f"{name} must be ASCII, got: {quote(text)}")
    if not text.strip():
        raise TriggerDefinitionError(f"{name} must not be empty, got: {quote(text)}")


@lru_cache(maxsize=_MAX_CACHED)
def _numbers(name: str, text: str) -> int:
    """Return the mask of a field that consists of numbers, names, ranges and steps."""
    mask = 0
    for item in _items(name, text):
        mask |= _number_item(name, item)
    return mask


@lru_cache(maxsize=_MAX_CACHED)
def _days(text: str) -> DaySpec:
    """Return the days of the field `day`."""
    days = from_end = nearest = nth = last = 0
    for item in _items("day", "*" if text == "?" else text):
        folded = item.lower()
        if _is_plain(item):
            days |= _number_item("day", item)
        elif folded in ("l", "last"):
            from_end |= 1
        elif folded == "lw":
            nearest |= 1
        elif match := re.fullmatch(r"l-(\w+)", folded):
            from_end |= 1 << _integer("day before the last", match[1], 0, 30)
        elif match := re.fullmatch(r"(\w+)w", folded):
            nearest |= 1 << _integer("day", match[1], 1, 31)
        elif match := re.fullmatch(r"(last|1st|2nd|3rd|4th|5th)[ \t]+(\w+)", folded):
            weekday = _weekday("day", match[2])
            if match[1] == "last":
                last |= 1 << weekday
            else:
                nth |= 1 << weekday * 5 + int(match[1][0]) - 1
        else:
            days |= _number_item("day", item)
    return days, from_end, nearest, nth, last, 0


@lru_cache(maxsize=_MAX_CACHED)
def _weekdays(text: str) -> DaySpec:
    """Return the days of the field `day_of_week`."""
    nth = last = weekdays = 0
    for item in _items("day_of_week", "*" if text == "?" else text):
        folded = item.lower()
        if not _is_plain(item) and (match := re.fullmatch(r"(\w+)#(\w+)", folded)):
            number = _integer("day_of_week occurrence", match[2], 1, 5)
            nth |= 1 << _weekday("day_of_week", match[1]) * 5 + number - 1
        elif not _is_plain(item) and (match := re.fullmatch(r"(\w+)l", folded)):
            last |= 1 << _weekday("day_of_week", match[1])
        else:
            mask = _number_item("day_of_week", item)  # bit 0 and bit 7 are Sunday
            weekdays |= mask >> 1 | (mask & 1) << 6
    return 0, 0, 0, nth, last, weekdays


def _items(name: str, text: str) -> list[str]:
    items = [item.strip() for item in text.split(",")]
    if not all(items):
        raise TriggerDefinitionError(f"{name} must not have an empty item, got: {quote(text)}")
    return items


def _is_plain(item: str) -> bool:
    """Tell at a glance that an item is none of the special forms."""
    return item.isdigit() or item[0] == "*"


@lru_cache(maxsize=_MAX_CACHED)
def _number_item(name: str, item: str) -> int:
    """Return the mask of a number, a name or a range, with or without a step."""
    low, high, _, _ = _RANGES[name]
    if name == "day_of_week":
        high = 6  # 7 is 0 again
    body, slash, step_text = item.partition("/")
    first_text, dash, last_text = body.partition("-")
    if body == "*":
        first, last = low, high
    else:
        first = _value(name, first_text, item)
        last = _value(name, last_text, item) if dash else max(first, high) if slash else first
    if last_text.lower() == "sun":
        last = _SUNDAY_AS_LAST if first > 0 else 0
    if last < first:
        raise TriggerDefinitionError(f"{name} must not have a reversed range, got: {quote(item)}")
    step = _integer(f"{name} step", step_text, 1, high - low + 1) if slash else 1
    return sum(1 << value for value in range(first, last + 1, step))


def _value(name: str, text: str, item: str) -> int:
    low, high, names, others = _RANGES[name]
    value = names.get(text.lower())
    if value is not None:
        return value
    if text.isdigit():
        return _integer(name, text, low, high)
    raise TriggerDefinitionError(
        f"{name} must be a number in {low}-{high}{others}, got: {quote(item)}"
    )


def _integer(name: str, text: str, low: int, high: int) -> int:
    """Return the integer that the ASCII digits `text` stand for."""
    if not text.isdigit():
        raise TriggerDefinitionError(f"{name} must be in {low}-{high}, got: {quote(text)}")
    digits = text.lstrip("0") or "0"
    if len(digits) > _MAX_DIGITS or not low <= int(digits) <= high:
        shown = text if len(text) <= _MAX_SHOWN_DIGITS else quote(text)
        raise TriggerDefinitionError(f"{name} must be in {low}-{high}, got: {shown}")
    return int(digits)


def _weekday(field: str, text: str) -> int:
    """Return the weekday, Monday being 0, of a name or, in `day_of_week`, a number from Sunday (0 or 7) on."""
    if field == "day" and text not in _WEEKDAYS:
        raise TriggerDefinitionError(
            f"day must have a weekday ({', '.join(_WEEKDAYS)}), got: {quote(text)}"
        )
    return (_value("day_of_week", text, text) - 1) % 7
