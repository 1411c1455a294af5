"""APScheduler 4, in the words of its published API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from serve import serve, version

if TYPE_CHECKING:
    from cases import Case


def cron(case: Case) -> CronTrigger:
    """Make the trigger of a pattern; `5#3` has a form of its own here."""
    if case.subject == "third friday":
        return CronTrigger(day="3rd fri", hour=12, start_time=case.start, timezone=case.zone)
    return CronTrigger.from_crontab(case.expression, start_time=case.start, timezone=case.zone)


def trigger(case: Case) -> Any:
    """Make the trigger of a case of kind `next`."""
    zone, start = case.zone, case.start
    if case.subject == "interval":
        return IntervalTrigger(minutes=5, start_time=start)
    if case.subject == "calendar interval":
        return CalendarIntervalTrigger(
            months=1, hour=10, start_date=date(2026, 1, 1), timezone=zone
        )
    if case.subject == "and":
        every_2_months = CalendarIntervalTrigger(
            months=2, hour=10, start_date=date(2022, 6, 7), timezone=zone
        )
        weekdays = CronTrigger(
            day_of_week="mon-fri", hour=10, timezone=zone, start_time=start.replace(2022, 6, 7)
        )
        return AndTrigger([every_2_months, weekdays])
    if case.subject == "or":
        weekdays = CronTrigger(day_of_week="mon-fri", hour=10, timezone=zone, start_time=start)
        weekends = CronTrigger(day_of_week="sat-sun", hour=11, timezone=zone, start_time=start)
        return OrTrigger([weekdays, weekends])
    return cron(case)


def make(case: Case) -> Callable[[], Any] | str:
    """Return the call to be timed."""
    if case.kind == "next":
        return trigger(case).next
    if case.kind == "construct":
        return lambda: cron(case)
    if case.kind == "construct and first":
        return lambda: cron(case).next()
    return "not offered"


if __name__ == "__main__":
    serve(make, version("apscheduler"))
