"""How triggers read what users give them: values, time zones, moments and dates; and what they say if it is wrong."""

from __future__ import annotations

import os
import sys
from array import array
from datetime import date, datetime, timedelta, timezone, tzinfo
from operator import index
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from rota import _backend, _environment
from rota._environment import current_clock
from rota.abc._trigger import Trigger
from rota.model._exceptions import RotaError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "TriggerDefinitionError",
    "TriggerTypeError",
    "as_count",
    "as_date",
    "as_integer",
    "as_micros",
    "as_moment",
    "as_timezone",
    "check_order",
    "local_zone",
    "micros_of",
    "now_in",
    "quote",
    "same",
    "show",
    "timezone_of",
    "to_micros",
]

_Day = TypeVar("_Day", bound=date)

_MAX_QUOTED = 40
_MAX_BITS = 128
_MAX_ISO_LENGTH = 64
_MICROSECOND = timedelta(microseconds=1)
_DAY_MICROS = 86_400_000_000
#: What needs no name beside its offset.
_UTC = ("UTC", "Etc/UTC")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of wall times
_EPOCH_IN_UTC = datetime(1970, 1, 1, tzinfo=timezone.utc)


class TriggerDefinitionError(RotaError, ValueError):
    """A trigger was given a value that it cannot have."""


class TriggerTypeError(RotaError, TypeError):
    """A trigger was given a value of a type that it cannot have."""


def quote(value: object) -> str:
    """Return `value` as it is shown at the end of a message: on one line, in ASCII, shortened if it is long."""
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return f"an integer of {value.bit_length()} bits"  # more digits than Python likes to write
    text = value if isinstance(value, str) else repr(value)
    shown = text[:_MAX_QUOTED]
    if isinstance(value, str) or not shown.isascii():
        shown = ascii(shown)
    return shown if len(text) <= _MAX_QUOTED else f"{shown}... ({len(text)} characters)"


def as_integer(name: str, value: object, low: int, high: int) -> int:
    """Return `value` if it is an integer within `low`-`high`; that of an enum becomes a plain one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TriggerTypeError(f"{name} must be an integer, got: {quote(value)}")
    if not low <= value <= high:
        raise TriggerDefinitionError(f"{name} must be in {low}-{high}, got: {quote(value)}")
    return int(value)


def timezone_of(moment: datetime) -> tzinfo:
    """Return the time zone of an aware datetime."""
    assert moment.tzinfo is not None
    return moment.tzinfo


def as_timezone(value: str | tzinfo, name: str = "timezone") -> tzinfo:
    """Return the time zone of an IANA name or "local"; return a `tzinfo` as it is."""
    if isinstance(value, tzinfo):
        return value
    if not isinstance(value, str):
        raise TriggerTypeError(f"{name} must be a name or a tzinfo, got: {quote(value)}")
    if value == "local":
        return local_zone()
    try:
        return ZoneInfo(value)
    except (LookupError, ValueError, OSError):
        raise TriggerDefinitionError(f"{name} must be an IANA name, got: {quote(value)}") from None


def local_zone() -> tzinfo:
    """Return the local time zone of this machine."""
    try:
        return _environment.local_zone()
    except (LookupError, ValueError, OSError) as error:
        raise TriggerDefinitionError(
            "local time zone cannot be determined: give timezone= (or moments with an offset),"
            f" or set TZ to an IANA name, got: TZ={quote(os.environ.get('TZ'))}"
        ) from error


def now_in(zone: tzinfo) -> datetime:
    """Return the current time of the current clock in `zone`."""
    return current_clock().now().astimezone(zone)


def as_moment(name: str, value: datetime | str, zone: tzinfo | None = None) -> datetime:
    """Return an aware datetime for a datetime or text. If it is naive, it is a wall time in `zone`, or the local zone.

    The text is that of ISO 8601, which may be followed by a time zone in brackets, as in RFC 9557.
    """
    if type(value) is datetime and type(value.tzinfo) is timezone and value.year > 1:
        return value
    moment = _as_zoned(name, value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise TriggerTypeError(f"{name} must be a datetime, got: {quote(value)}")
    if moment.tzinfo is None:
        moment = _localize(moment, zone or local_zone())
    elif type(moment.tzinfo) is ZoneInfo and _exists(moment, moment.tzinfo):
        return moment
    if moment.utcoffset() is None:
        raise TriggerDefinitionError(
            f"{name} must have a time zone with a UTC offset, got: {moment.isoformat()}"
        )
    if type(moment.tzinfo) is timezone and moment.year > 1:
        return moment
    try:
        there = moment.astimezone(timezone.utc).astimezone(moment.tzinfo)
    except OverflowError:
        raise TriggerDefinitionError(
            f"{name} must be within the years 1 to 9999 in UTC, got: {moment.isoformat()}"
        ) from None
    if there.replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise TriggerDefinitionError(
            f"{name} must be a wall time that exists in {moment.tzinfo}, got: {moment.replace(tzinfo=None).isoformat()}"
        )
    return moment


def _exists(moment: datetime, zone: ZoneInfo) -> bool:
    """Tell whether the wall clock of a zone reads `moment` within the years 1 to 9999, as far as that is known."""
    known = _backend.zone(zone)
    return known is not None and known.instant(moment) is not None


def _as_zoned(name: str, text: str) -> datetime:
    """Return the datetime of a text like `2025-10-26T02:30:00+01:00[Europe/Berlin]`; it need not have a zone."""
    plain, bracket, rest = text.partition("[")
    moment = _from_iso(name, "a datetime", plain, datetime, shown=text)
    if not bracket:
        return moment
    if not rest.endswith("]"):
        raise TriggerDefinitionError(
            f"{name} must be a datetime in ISO 8601 format, got: {quote(text)}"
        )
    zone = as_timezone(rest[:-1], f"time zone of {name}")
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone)
    for fold in (0, 1):  # the offset tells the pass of an overlap
        there = moment.replace(tzinfo=zone, fold=fold)
        if there.utcoffset() == moment.utcoffset():
            return there
    raise TriggerDefinitionError(
        f"{name} must have an offset that its time zone has then, got: {quote(text)}"
    )


def _localize(moment: datetime, zone: tzinfo) -> datetime:
    """Return the wall time `moment` in `zone`."""
    if isinstance(zone, (ZoneInfo, timezone)):
        return moment.replace(tzinfo=zone)
    # A foreign tzinfo may, as those of pytz do, have to choose the instance that a datetime carries.
    known = _backend.zone_in(_backend.reference(), zone)
    wall = (moment - _EPOCH) // _MICROSECOND
    for near in (wall - _DAY_MICROS, wall + _DAY_MICROS):
        offset = known.span_at(near)[2]
        if known.span_at(wall - offset)[2] == offset:
            return known.to_datetime(wall - offset)
    return moment.replace(tzinfo=zone)


def micros_of(length: timedelta) -> int:
    """Return a length of time in microseconds."""
    # several times as fast as a division by a microsecond
    return (length.days * 86_400 + length.seconds) * 1_000_000 + length.microseconds


def as_micros(values: Iterable[int]) -> memoryview:
    """Return instants as 64-bit integers in memory that cannot be written, as the cores do."""
    return memoryview(array("q", values)).toreadonly()


def to_micros(moment: datetime) -> int:
    """Return an aware datetime as the backends count: in microseconds since 1970-01-01T00:00:00Z."""
    return micros_of(moment - _EPOCH_IN_UTC)


def _from_iso(name: str, kind: str, text: str, target: type[_Day], shown: str = "") -> _Day:
    shown = shown or text
    if len(text) > _MAX_ISO_LENGTH:  # Python reads as many digits of a fraction as there are
        raise TriggerDefinitionError(
            f"{name} must have at most {_MAX_ISO_LENGTH} characters, got: {quote(shown)}"
        )
    if sys.version_info < (3, 11) and text[-1:] in ("Z", "z"):
        text = text[:-1] + "+00:00"
    try:
        return target.fromisoformat(text)
    except ValueError:
        raise TriggerDefinitionError(
            f"{name} must be {kind} in ISO 8601 format, got: {quote(shown)}"
        ) from None


def as_date(name: str, value: date | str) -> date:
    """Return the date of a date or ISO 8601 text."""
    day = _from_iso(name, "a date", value, date) if isinstance(value, str) else value
    if isinstance(day, datetime) or not isinstance(day, date):
        raise TriggerTypeError(f"{name} must be a date, got: {quote(value)}")
    return day


def check_order(name: str, start: date, end: date | None) -> None:
    """Raise if there is an end and it is earlier than the start; both are dates, or aware datetimes."""
    if end is not None and _ordinal(end) < _ordinal(start):
        raise TriggerDefinitionError(
            f"end_{name} must not be earlier than start_{name} ({start.isoformat()}), got: {end.isoformat()}"
        )


def _ordinal(day: date) -> int:
    """Return what a date, or an aware datetime, is compared by. Datetimes of one zone compare by their wall times."""
    return to_micros(day) if isinstance(day, datetime) else day.toordinal()


def show(value: object) -> str:
    """Return a value of a definition as it is written in Python; of a zone, its name."""
    match value:
        case ZoneInfo(key=str(key)):
            return repr(key)
        case datetime(tzinfo=ZoneInfo(key=str(key))) if key not in _UTC:
            return repr(f"{value.isoformat()}[{key}]")
        case date():  # and datetime
            return repr(value.isoformat())
        case tuple():
            return f"[{', '.join(map(repr, value))}]"
    return repr(value)


def as_count(name: str, value: int) -> int:
    """Return what Python takes for an integer, such as one of NumPy's, as one."""
    try:
        return index(value)
    except TypeError:
        raise TriggerTypeError(f"{name} must be an integer, got: {quote(value)}") from None


def same(one: object, other: object) -> bool:
    """Compare fields of definitions: those that are triggers by their rules."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Trigger) and isinstance(other, Trigger):
        return one.same_rule(other)
    if isinstance(one, datetime) and isinstance(other, datetime):
        return to_micros(one) == to_micros(other)
    return one == other
