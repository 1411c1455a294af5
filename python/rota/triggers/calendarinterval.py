"""A trigger that steps from date to date."""

from __future__ import annotations

from datetime import date, tzinfo
from typing import TYPE_CHECKING

from rota import _backend
from rota.triggers._definition import (
    TriggerDefinitionError,
    as_date,
    as_integer,
    as_timezone,
    check_order,
    now_in,
)
from rota.triggers._planned import PlannedTrigger, definition, set_starts_now
from rota.triggers._plans import shared_plan

if TYPE_CHECKING:
    from rota._core import Plan

__all__ = ["CalendarIntervalTrigger"]

_MAX_YEARS = date.max.year - date.min.year
_MAX_DAYS = (date.max - date.min).days


@definition
class CalendarIntervalTrigger(PlannedTrigger):
    """Fires on `start_date`, and again and again after the interval, up to `end_date`, inclusive, at one time of day.

    The interval is years and months, then weeks and days. Months keep the day of the month; where a month does not have
    it (31 April), the months are added again. A date on which the time zone skips the time of day does not fire; where
    it repeats it, the first pass fires. `start_date` is the current date by default.
    """

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0
    hour: int = 0
    minute: int = 0
    second: int = 0
    start_date: date
    end_date: date | None = None
    timezone: tzinfo

    def __init__(
        self,
        *,
        years: int = 0,
        months: int = 0,
        weeks: int = 0,
        days: int = 0,
        hour: int = 0,
        minute: int = 0,
        second: int = 0,
        start_date: date | str | None = None,
        end_date: date | str | None = None,
        timezone: tzinfo | str = "local",
    ) -> None:
        zone = as_timezone(timezone)
        start = now_in(zone).date() if start_date is None else as_date("start_date", start_date)
        end = None if end_date is None else as_date("end_date", end_date)
        check_order("date", start, end)
        self.__attrs_init__(
            years=as_integer("years", years, 0, _MAX_YEARS),
            months=as_integer("months", months, 0, _MAX_YEARS * 12),
            weeks=as_integer("weeks", weeks, 0, _MAX_DAYS // 7),
            days=as_integer("days", days, 0, _MAX_DAYS),
            hour=as_integer("hour", hour, 0, 23),
            minute=as_integer("minute", minute, 0, 59),
            second=as_integer("second", second, 0, 59),
            start_date=start,
            end_date=end,
            timezone=zone,
        )
        if not (years or months or weeks or days):
            raise TriggerDefinitionError("interval must be positive, got: 0 days")
        set_starts_now(self, start_date is None)

    _define = __init__
    _start = "start_date"

    def _timezones(self) -> list[tzinfo]:
        return [self.timezone]

    def _build(self, core: _backend.Core) -> Plan:
        return shared_plan(
            core.Plan.calendar_interval,
            _backend.zone_in(core, self.timezone),
            self.start_date.toordinal(),
            None if self.end_date is None else self.end_date.toordinal(),
            self.years * 12 + self.months,
            self.weeks * 7 + self.days,
            (self.hour * 3600 + self.minute * 60 + self.second) * 1_000_000,
        )
