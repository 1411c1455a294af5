"""The triggers that rota brings."""

from rota.triggers._definition import (
    TriggerDefinitionError as TriggerDefinitionError,
    TriggerTypeError as TriggerTypeError,
)
from rota.triggers._window import fire_times_between as fire_times_between
from rota.triggers.calendarinterval import CalendarIntervalTrigger as CalendarIntervalTrigger
from rota.triggers.combining import AndTrigger as AndTrigger, OrTrigger as OrTrigger
from rota.triggers.cron import CronTrigger as CronTrigger
from rota.triggers.date import DateTrigger as DateTrigger
from rota.triggers.interval import IntervalTrigger as IntervalTrigger

__all__ = [
    "AndTrigger",
    "CalendarIntervalTrigger",
    "CronTrigger",
    "DateTrigger",
    "IntervalTrigger",
    "OrTrigger",
    "TriggerDefinitionError",
    "TriggerTypeError",
    "fire_times_between",
]
