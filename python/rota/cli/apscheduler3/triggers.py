"""Triggers of APScheduler 3 as triggers of rota."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rota.cli.apscheduler3.stored import PARTS, Part, StoredJobError
from rota.triggers.calendarinterval import CalendarIntervalTrigger
from rota.triggers.combining import AndTrigger, OrTrigger
from rota.triggers.cron import CronTrigger
from rota.triggers.date import DateTrigger
from rota.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from rota.abc import Trigger

__all__ = ["jitter_of", "trigger_of"]

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # 0 is Monday there
_POSITIONS = ("1st", "2nd", "3rd", "4th", "5th", "last")


def trigger_of(stored: object, start: datetime | None) -> Trigger:
    """Return the trigger that a stored one is.

    :param start: where a cron trigger starts that has no start; `None` for now
    :raises StoredJobError: if it is none that rota has
    """
    if not isinstance(stored, Part) or stored.kind not in _TRIGGERS:
        kind = stored.kind if isinstance(stored, Part) else type(stored).__name__
        raise StoredJobError(f"rota has no trigger like its {kind}")
    try:
        return _TRIGGERS[stored.kind](stored.state, start)
    except (LookupError, TypeError, AttributeError) as error:
        raise StoredJobError(f"its {stored.kind} cannot be understood: {error!r}"[:200]) from error


def jitter_of(stored: object) -> float:
    """Return by how many seconds, at most, chance moves the fire times of a stored trigger."""
    state = getattr(stored, "state", None)
    jitter = state.get("jitter") if isinstance(state, dict) else None
    return jitter or 0


def _date(state: Mapping[str, Any], _: datetime | None) -> Trigger:
    return DateTrigger(state["run_date"])


def _interval(state: Mapping[str, Any], _: datetime | None) -> Trigger:
    interval: timedelta = state["interval"]
    return IntervalTrigger(
        days=interval.days,
        seconds=interval.seconds,
        microseconds=interval.microseconds,
        start_time=state["start_date"],  # the first fire time, there too
        end_time=state["end_date"],
    )


def _calendar_interval(state: Mapping[str, Any], _: datetime | None) -> Trigger:
    years, months, weeks, days = state["interval"]
    hour, minute, second = state["time"]
    return CalendarIntervalTrigger(
        years=years,
        months=months,
        weeks=weeks,
        days=days,
        hour=hour,
        minute=minute,
        second=second,
        start_date=state["start_date"],
        end_date=state["end_date"],
        timezone=state["timezone"],
    )


def _cron(state: Mapping[str, Any], start: datetime | None) -> Trigger:
    fields: dict[str, Any] = {
        field.state["name"]: _field(field.state)
        for field in state["fields"]
        if not field.state["is_default"]  # the defaults are the same
    }
    return CronTrigger(
        **fields,
        start_time=state["start_date"] or start,
        end_time=state["end_date"],
        timezone=state["timezone"],
    )


def _field(state: Mapping[str, Any]) -> str:
    return ",".join(_expression(state["name"], each) for each in state["expressions"])


def _expression(field: str, part: Part) -> str:
    state = part.state
    match part.kind:
        case "LastDayOfMonthExpression":
            return "last"
        case "WeekdayPositionExpression":
            return f"{_POSITIONS[state['option_num']]} {_WEEKDAYS[state['weekday']]}"
    step = state["step"]
    if field == "day_of_week" and (step or part.kind != "AllExpression"):
        first, last = state.get("first", 0), state.get("last", 6)
        days = range(first, (6 if last is None else last) + 1, step or 1)
        return ",".join(_WEEKDAYS[day] for day in days)
    if part.kind == "AllExpression":
        text = "*"
    elif state["last"] in (None, state["first"]):
        text = f"{state['first']}"
    else:
        text = f"{state['first']}-{state['last']}"
    return f"{text}/{step}" if step else text


def _and(state: Mapping[str, Any], start: datetime | None) -> Trigger:
    # there the fire times have to be the same, to the microsecond
    return AndTrigger(_children(state, start), threshold=timedelta(0))


def _or(state: Mapping[str, Any], start: datetime | None) -> Trigger:
    return OrTrigger(_children(state, start))


def _children(state: Mapping[str, Any], start: datetime | None) -> list[Trigger]:
    children = []
    for reference, child in state["triggers"]:
        module, _, name = reference.partition(":")
        part = PARTS.get((module, name))
        if part is None:
            raise StoredJobError(f"rota has no trigger like its {reference!r:.80}")
        stored = part()
        stored.state = child
        children.append(trigger_of(stored, start))
    return children


_TRIGGERS: dict[str, Callable[[Mapping[str, Any], datetime | None], Trigger]] = {
    "DateTrigger": _date,
    "IntervalTrigger": _interval,
    "CalendarIntervalTrigger": _calendar_interval,
    "CronTrigger": _cron,
    "AndTrigger": _and,
    "OrTrigger": _or,
}
