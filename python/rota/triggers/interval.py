"""A trigger that fires at equal intervals of real time."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING

from rota import _backend
from rota.model._copies import setter
from rota.triggers._definition import (
    TriggerDefinitionError,
    TriggerTypeError,
    as_moment,
    check_order,
    local_zone,
    micros_of,
    now_in,
    quote,
    timezone_of,
    to_micros,
)
from rota.triggers._planned import (
    PlannedTrigger,
    definition,
    moment_field,
    set_starts_now,
    shared_plan,
)

if TYPE_CHECKING:
    from rota._core import Plan

__all__ = ["IntervalTrigger"]

_PARTS = ("weeks", "days", "hours", "minutes", "seconds", "microseconds")
_NOTHING = timedelta(0)
#: No two instants are further apart.
_MAX_STEP = _backend.core.MAX_MICROS - _backend.core.MIN_MICROS


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
        parts = (weeks, days, hours, minutes, seconds, microseconds)
        try:
            _interval(*parts)
        except TriggerTypeError:
            raise
        except TypeError:
            _interval.__wrapped__(*parts)  # which tells what is wrong with one that has no hash
        start = now_in(local_zone()) if start_time is None else as_moment("start_time", start_time)
        end = None if end_time is None else as_moment("end_time", end_time)
        check_order("time", start, end)
        _set_fields(self, *parts, start, end)
        set_starts_now(self, start_time is None)

    _define = __init__
    _start = "start_time"

    @property
    def interval(self) -> timedelta:
        """The distance between two fire times."""
        return _interval(*_parts_of(self))

    def _timezones(self) -> list[tzinfo]:
        return [timezone_of(self.start_time)]

    def _build(self, core: _backend.Core) -> Plan:
        return shared_plan(
            core.Plan.interval,
            _backend.zone_in(core, timezone_of(self.start_time)),
            to_micros(self.start_time),
            min(micros_of(self.interval), _MAX_STEP),
            None if self.end_time is None else to_micros(self.end_time),
        )


_parts_of = attrgetter(*_PARTS)
_set_fields = setter(IntervalTrigger, *_PARTS, "start_time", "end_time")


#: Programs have many schedules and few intervals.
@lru_cache(maxsize=1024, typed=True)
def _interval(
    weeks: float, days: float, hours: float, minutes: float, seconds: float, microseconds: float
) -> timedelta:
    """Return the interval that has these parts. Raise if it is not positive, or too long for a timedelta."""
    parts = (weeks, days, hours, minutes, seconds, microseconds)
    for name, part in zip(_PARTS, parts, strict=True):
        if isinstance(part, bool) or not isinstance(part, (int, float)):
            raise TriggerTypeError(f"{name} must be a number, got: {quote(part)}")
    try:
        interval = timedelta(days, seconds, microseconds, 0, minutes, hours, weeks)
    except (ValueError, OverflowError):
        named = zip(_PARTS, parts, strict=True)
        given = ", ".join(f"{name}={quote(part)}" for name, part in named if part)
        raise TriggerDefinitionError(
            f"interval must be at most {timedelta.max.days} days, got: {given}"
        ) from None
    if interval <= _NOTHING:
        raise TriggerDefinitionError(f"interval must be positive, got: {interval}")
    return interval
