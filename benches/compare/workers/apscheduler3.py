"""APScheduler 3.11: its triggers keep no position, so the caller hands the last answer back in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from serve import serve, version

if TYPE_CHECKING:
    from cases import Case


def cron(case: Case) -> CronTrigger:
    """Make the trigger of a pattern; `5#3` has a form of its own here."""
    if case.subject == "third friday":
        return CronTrigger(day="3rd fri", hour=12, minute=0, timezone=case.zone)
    return CronTrigger.from_crontab(case.expression, timezone=case.zone)


def trigger(case: Case) -> Any:
    """Make the trigger of a case of kind `next`."""
    zone = case.zone
    if case.subject == "interval":
        return IntervalTrigger(minutes=5, start_date=case.start, timezone=zone)
    if case.subject == "calendar interval":
        return CalendarIntervalTrigger(
            months=1, hour=10, start_date=date(2026, 1, 1), timezone=zone
        )
    if case.subject == "or":
        weekdays = CronTrigger(day_of_week="mon-fri", hour=10, timezone=zone)
        return OrTrigger([weekdays, CronTrigger(day_of_week="sat-sun", hour=11, timezone=zone)])
    return cron(case)


def make(case: Case) -> Callable[[], Any] | str:
    """Return the call to be timed."""
    if case.kind == "construct":
        return lambda: cron(case)
    if case.kind == "construct and first":
        return lambda: cron(case).get_next_fire_time(None, case.start)
    if case.kind != "next":
        return "not offered"
    if case.subject == "and":
        return "does not end"  # with a calendar interval inside, its first answer never came
    next_fire_time, start, last = trigger(case).get_next_fire_time, case.start, None

    def step() -> Any:
        nonlocal last
        last = next_fire_time(last, last or start)
        return last

    return step


if __name__ == "__main__":
    serve(make, version("apscheduler"))
