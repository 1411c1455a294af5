"""Stored jobs of APScheduler 3: pickles, of which only what is known to be harmless is rebuilt.

A pickle names classes and functions, and whoever reads it plainly imports and calls them. Here each name is looked up
in the tables below: classes of APScheduler become inert `Part`s, time zones those of `zoneinfo`, and anything else is
refused, but for what the user has said to trust.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict, deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["Part", "RefusedClass", "StoredJobError", "read_job"]


class StoredJobError(Exception):
    """A stored job cannot be read, or cannot be said in the words of rota."""


class RefusedClass(StoredJobError):
    """A stored job has a class, or calls a function, that is neither known nor trusted."""


class Part:
    """Something of APScheduler: what it is called there, and its state."""

    kind: str
    state: Any = None

    def __setstate__(self, state: Any) -> None:
        """Keep the state as it is."""
        self.state = state


_PARTS = {
    "apscheduler.triggers.date": ("DateTrigger",),
    "apscheduler.triggers.interval": ("IntervalTrigger",),
    "apscheduler.triggers.cron": ("CronTrigger",),
    "apscheduler.triggers.calendarinterval": ("CalendarIntervalTrigger",),
    "apscheduler.triggers.combining": ("AndTrigger", "OrTrigger"),
    "apscheduler.triggers.cron.fields": (
        "BaseField",
        "DayOfMonthField",
        "DayOfWeekField",
        "MonthField",
        "WeekField",
    ),
    "apscheduler.triggers.cron.expressions": (
        "AllExpression",
        "LastDayOfMonthExpression",
        "MonthRangeExpression",
        "RangeExpression",
        "WeekdayPositionExpression",
        "WeekdayRangeExpression",
    ),
}
PARTS: dict[tuple[str, str], type[Part]] = {
    (module, name): type(name, (Part,), {"kind": name})
    for module, names in _PARTS.items()
    for name in names
}


def _named_zone(key: str, *_: object) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except (LookupError, ValueError, OSError):
        raise StoredJobError(f"there is no time zone {key!r:.80}") from None


def _fixed_zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))


def _getattr(owner: object, name: str) -> Callable[..., object]:
    """Stand in for `getattr`, by which pickles of `zoneinfo` zones find what makes them."""
    if owner is ZoneInfo and name == "_unpickle":
        return _named_zone
    raise RefusedClass("builtins:getattr")


_KNOWN: dict[tuple[str, str], Any] = {
    ("datetime", "date"): date,
    ("datetime", "datetime"): datetime,
    ("datetime", "time"): time,
    ("datetime", "timedelta"): timedelta,
    ("datetime", "timezone"): timezone,
    ("builtins", "getattr"): _getattr,
    ("zoneinfo", "ZoneInfo"): ZoneInfo,
    ("backports.zoneinfo", "ZoneInfo"): ZoneInfo,
    ("pytz", "_p"): _named_zone,
    ("pytz", "_UTC"): lambda: timezone.utc,
    ("pytz", "FixedOffset"): _fixed_zone,
    ("dateutil.tz.tz", "tzutc"): lambda: timezone.utc,
    ("builtins", "bytearray"): bytearray,
    ("builtins", "complex"): complex,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "set"): set,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "deque"): deque,
    ("decimal", "Decimal"): Decimal,
    ("uuid", "UUID"): UUID,
}


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes, trusted: Collection[str]) -> None:
        super().__init__(BytesIO(data))
        self._trusted = trusted

    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get((module, name)) or PARTS.get((module, name))
        if known is not None:
            return known
        if f"{module}:{name}" not in self._trusted:
            raise RefusedClass(f"{module}:{name}")
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found


def read_job(data: bytes, trusted: Collection[str] = ()) -> dict[str, Any]:
    """Return the state of a stored job; the pickle is not trusted.

    :param trusted: the classes and functions that it may import and call besides the known ones, as `module:name`
    :raises RefusedClass: if it names another one
    :raises StoredJobError: if it is no job
    """
    try:
        state = _Reader(data, trusted).load()
    except StoredJobError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise StoredJobError(f"it is damaged: {type(error).__name__}: {error}"[:200]) from error
    if not isinstance(state, dict) or not {"id", "func", "trigger"} <= state.keys():
        raise StoredJobError("it is no job of APScheduler 3")
    if state.get("version") != 1:
        raise StoredJobError(f"its version must be 1, got: {state.get('version')!r:.20}")
    return state
