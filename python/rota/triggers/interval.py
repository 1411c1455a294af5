"""A trigger that fires at equal intervals of real time."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING

from rota import _backend
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
    initializer,
    moment_field,
    set_plan,
    set_starts_now,
)
from rota.triggers._plans import micros_in, shared_plan

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
        if end is not None:
            check_order("time", start, end)
        _set_fields(self, *parts, start, end)
        if start_time is None or self._starts_now:
            set_starts_now(self, start_time is None)

    _define = __init__
    _start = "start_time"

    @property
    def interval(self) -> timedelta:
        """The distance between two fire times."""
        return _interval(*_parts_of(self))

    def _timezones(self) -> list[tzinfo]:
        return [timezone_of(self.start_time)]

    def _compiled(self) -> Plan:
        plan = self._plan
        if plan is None:
            if type(self) is not IntervalTrigger:  # which may have another interval
                return super()._compiled()
            start, end = self.start_time, self.end_time
            last = None if end is None else to_micros(end)
            plan = _plan_of(
                id(_backend.core), start, start.fold, id(start.tzinfo), last, *_parts_of(self)
            )
            set_plan(self, plan)
        return plan

    def _build(self, core: _backend.Core) -> Plan:
        end = self.end_time
        last = None if end is None else to_micros(end)
        return _make_plan(core, self.start_time, last, self.interval)


@lru_cache(maxsize=1024, typed=True)
def _plan_of(
    _core: int,
    start: datetime,
    _fold: int,
    _zone: int,
    last: int | None,
    *parts: float,
) -> Plan:
    """Return the plan of a definition. Many schedules have equal ones; it does not change, and is most of their weight.

    Equal datetimes can differ in their fold and in their time zone, which is told apart by its identity; `start` keeps
    it alive.
    """
    return _make_plan(_backend.core_for([timezone_of(start)]), start, last, _interval(*parts))


def _make_plan(core: _backend.Core, start: datetime, last: int | None, interval: timedelta) -> Plan:
    zone = _backend.zone_in(core, timezone_of(start))
    step = min(micros_of(interval), _MAX_STEP)
    return shared_plan(core.Plan.interval, zone, micros_in(zone, start), step, last)


_parts_of = attrgetter(*_PARTS)
_set_fields = initializer(IntervalTrigger, *_PARTS, "start_time", "end_time")


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
