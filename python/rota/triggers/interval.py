"""A trigger that fires at equal intervals of real time."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from rota import _backend
from rota._environment import local_zone
from rota.triggers._definition import (
    TriggerDefinitionError,
    TriggerTypeError,
    as_moment,
    check_order,
    now_in,
    quote,
    timezone_of,
    to_micros,
)
from rota.triggers._planned import PlannedTrigger, definition, moment_field

if TYPE_CHECKING:
    from rota._core import Plan

__all__ = ["IntervalTrigger"]

_PARTS = ("weeks", "days", "hours", "minutes", "seconds", "microseconds")
#: No two instants are further apart.
_MAX_STEP = _backend.reference.MAX_MICROS - _backend.reference.MIN_MICROS


@definition
class IntervalTrigger(PlannedTrigger):
    """Fires at `start_time`, and again and again after the interval, up to `end_time`, inclusive.

    The interval is the sum of its parts, which may be fractions. It is of real time: where a time zone sets its clocks
    forward or back, the wall times shift and the distances stay. `start_time` is the current time by default; naive
    times are in the local time zone.
    """

    weeks: float = 0
    days: float = 0
    hours: float = 0
    minutes: float = 0
    seconds: float = 0
    microseconds: float = 0
    start_time: datetime = moment_field()
    end_time: datetime | None = moment_field(default=None)

    def __init__(
        self,
        *,
        weeks: float = 0,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        microseconds: float = 0,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
    ) -> None:
        values = (weeks, days, hours, minutes, seconds, microseconds)
        parts = dict(zip(_PARTS, values, strict=True))
        _add_up(parts)
        zone = local_zone()
        start = now_in(zone) if start_time is None else as_moment("start_time", start_time, zone)
        end = None if end_time is None else as_moment("end_time", end_time, zone)
        check_order("time", start, end)
        self.__attrs_init__(**parts, start_time=start, end_time=end)
        if start_time is None:
            self._starts_now = True

    _define = __init__
    _start = "start_time"

    @property
    def interval(self) -> timedelta:
        """The distance between two fire times."""
        return _add_up({name: getattr(self, name) for name in _PARTS})

    def _timezones(self) -> list[tzinfo]:
        return [timezone_of(self.start_time)]

    def _build(self, core: _backend.Core) -> Plan:
        return core.Plan.interval(
            _backend.zone_in(core, timezone_of(self.start_time)),
            to_micros(self.start_time),
            min(self.interval // timedelta(microseconds=1), _MAX_STEP),
            None if self.end_time is None else to_micros(self.end_time),
        )


def _add_up(parts: dict[str, float]) -> timedelta:
    """Return the interval that has these parts. Raise if it is not positive, or too long for a timedelta."""
    for name, part in parts.items():
        if isinstance(part, bool) or not isinstance(part, (int, float)):
            raise TriggerTypeError(f"{name} must be a number, got: {quote(part)}")
    try:
        interval = timedelta(**parts)
    except (ValueError, OverflowError):
        given = ", ".join(f"{name}={quote(part)}" for name, part in parts.items() if part)
        raise TriggerDefinitionError(
            f"interval must be at most {timedelta.max.days} days, got: {given}"
        ) from None
    if interval <= timedelta(0):
        raise TriggerDefinitionError(f"interval must be positive, got: {interval}")
    return interval
