"""Changes to stored schedules. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import evolve

from rota.model import CoalescePolicy

if TYPE_CHECKING:
    from rota.abc import Trigger
    from rota.model import Schedule

__all__ = ["resumed_from", "with_trigger"]

_MICROSECOND = timedelta(microseconds=1)


def resumed_from(schedule: Schedule, start: datetime) -> Schedule:
    """Return the schedule with the fire times before `start` left out."""
    pending = schedule.next_fire_time
    if pending is None or pending >= start:
        return schedule
    trigger = schedule.trigger.copy()
    _, following = trigger.due(pending, start - _MICROSECOND, CoalescePolicy.latest, 1)
    return evolve(schedule, trigger=trigger, next_fire_time=following)


def with_trigger(schedule: Schedule, trigger: Trigger) -> Schedule:
    """Return the schedule with another trigger, due at its first fire time after the last one it was processed for."""
    moved, next_fire_time = trigger._moved_copy()
    changed = evolve(schedule, trigger=moved, next_fire_time=next_fire_time)
    if schedule.last_fire_time is None:
        return changed
    return resumed_from(changed, schedule.last_fire_time + _MICROSECOND)
