"""Values of the standard library that JSON and CBOR know no (exact) form for: the name and the state of each."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pickle import PicklingError
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from rota.serializers import _failures

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FROM_STATE", "TO_STATE", "ZONE_REMEDY"]

#: What to do about a zone that was read from a file: other machines, and this one later, need not have the same.
ZONE_REMEDY = "a time zone must be given by its IANA name (timezone=, or TZ) to be stored"

_MICROSECOND = timedelta(microseconds=1)


def _zone_state(zone: tzinfo | None) -> str | int | None:
    """Return the key of a zone, or a fixed offset in microseconds."""
    if zone is None:
        return None
    if type(zone) is timezone:
        return zone.utcoffset(None) // _MICROSECOND
    if type(zone) is ZoneInfo:
        try:
            zone.__reduce__()  # refuses what was read from a file, whatever its key is
        except PicklingError:
            raise ValueError(f"{ZONE_REMEDY}, got: {zone!r}") from None
        return zone.key
    raise ValueError(f"a time zone must be a ZoneInfo or a datetime.timezone, got: {zone!r}")


def _zone(state: Any) -> tzinfo | None:
    if state is None:
        return None
    return ZoneInfo(state) if isinstance(state, str) else _fixed(state)


def _fixed(offset_micros: int) -> timezone:
    return timezone.utc if offset_micros == 0 else timezone(timedelta(microseconds=offset_micros))


def _clock_state(value: datetime | time) -> list[Any]:
    return [value.replace(tzinfo=None, fold=0).isoformat(), _zone_state(value.tzinfo), value.fold]


def _datetime(state: Any) -> datetime:
    text, zone, fold = state
    return datetime.fromisoformat(text).replace(tzinfo=_zone(zone), fold=fold)


def _time(state: Any) -> time:
    text, zone, fold = state
    return time.fromisoformat(text).replace(tzinfo=_zone(zone), fold=fold)


def _list(state: Any) -> list[Any]:
    if not isinstance(state, list):
        raise TypeError(f"expected a list, got: {type(state).__name__}")
    return state


#: how instances of these classes, and not of subclasses, are stored: under which name, and as what
TO_STATE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    tuple: ("tuple", list),
    set: ("set", list),
    frozenset: ("frozenset", list),
    bytes: ("bytes", lambda value: b64encode(value).decode()),
    float: ("float", repr),  # the values that JSON has no form for
    datetime: ("datetime", _clock_state),
    date: ("date", date.isoformat),
    time: ("time", _clock_state),
    timedelta: ("timedelta", lambda value: value // _MICROSECOND),
    timezone: ("timezone", _zone_state),
    ZoneInfo: ("zone", _zone_state),
    UUID: ("uuid", lambda value: value.hex),
    Decimal: ("decimal", str),
}

FROM_STATE: dict[str, Callable[[Any], Any]] = {
    "tuple": lambda state: tuple(_list(state)),
    "set": lambda state: set(_list(state)),
    "frozenset": lambda state: frozenset(_list(state)),
    "dict": lambda state: {key: value for key, value in _list(state)},  # noqa: C416 - pairs only
    "bytes": lambda state: b64decode(state, validate=True),
    "float": float,
    "datetime": _datetime,
    "date": date.fromisoformat,
    "time": _time,
    "timedelta": lambda state: timedelta(microseconds=state),
    "timezone": _fixed,
    "zone": ZoneInfo,
    "uuid": UUID,
    "decimal": Decimal,
    "exception": _failures.from_state,
}
