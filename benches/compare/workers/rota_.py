"""rota: the same triggers in the same words as APScheduler 4's, and what it offers beyond them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from cases import MISSED, Case
from serve import serve

import rota
from rota import CoalescePolicy
from rota.triggers.calendarinterval import CalendarIntervalTrigger
from rota.triggers.combining import AndTrigger, OrTrigger
from rota.triggers.cron import CronTrigger
from rota.triggers.interval import IntervalTrigger

#: how many fire times one call of the bulk forms is asked for; their figures are per fire time
BULK = 1000


def cron(case: Case) -> CronTrigger:
    """Make the trigger of a pattern."""
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


def latest(case: Case) -> Callable[[], Any]:
    """Return a call that asks a trigger of every second for the last of the fire times missed since the call before."""
    every_second = CronTrigger(second="*", start_time=case.start, timezone=case.zone)
    pending = every_second.next()
    due, policy = every_second.due, CoalescePolicy.latest
    missed = timedelta(seconds=MISSED[case.subject])
    moments = iter([case.start + missed * number for number in range(1, case.calls + 2)])

    def step() -> Any:
        nonlocal pending
        kept, pending = due(pending, next(moments), policy, 1)
        return kept

    return step


def make(case: Case) -> Callable[[], Any] | str:
    """Return the call to be timed."""
    if case.kind == "next":
        return trigger(case).next
    if case.kind == "construct":
        return lambda: cron(case)
    if case.kind == "construct and first":
        return lambda: cron(case).next()
    if case.kind == "latest":
        return latest(case)
    if case.kind == "next n":
        next_n = cron(case).next_n
        return lambda: next_n(BULK)
    if case.kind == "next n micros":
        next_micros = cron(case).next_micros
        return lambda: next_micros(BULK)
    return "not offered"


if __name__ == "__main__":
    serve(make, {"version": rota.__version__, "backend": rota.backend})
