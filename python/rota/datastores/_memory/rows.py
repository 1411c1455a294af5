"""Schedules as they are kept: the schedule as it was given, and apart from it what firing changes."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from rota.datastores._memory.instants import instant
from rota.model import Schedule, SerializationError
from rota.model._copies import copier

if TYPE_CHECKING:
    from rota.abc import Trigger
    from rota.model import ScheduleResult

__all__ = ["Row", "advanced", "describe", "replacement_of", "row_of", "snapshot"]

_NEVER = datetime.max.replace(tzinfo=timezone.utc)

_with_trigger = copier(Schedule, "trigger")
_with_state = copier(
    Schedule,
    "trigger",
    "next_fire_time",
    "last_fire_time",
    "acquired_by",
    "acquired_until",
    "token",
    "error",
)


class Row(NamedTuple):
    """A schedule at one time of its life; any change makes another row.

    It is a tuple because rows stand in a heap as they are, ordered by the first two fields; there are many of them.

    :param due: the next fire time in UTC; arbitrary if there is none
    :param token: the fence, which is another one in each row
    :param schedule: the schedule as it was given; but for a stateful trigger, of which it has a copy. Whoever gave it
        may move the trigger, which therefore tells the definition only.
    :param cursor: where the trigger stands, if it is not stateful
    :param next_fire_time: in its own zone
    :param last_fire_time: in its own zone
    :param error: why it is set aside, or `None`
    """

    due: datetime
    token: int
    schedule: Schedule
    cursor: object
    next_fire_time: datetime | None
    last_fire_time: datetime | None
    error: str | None

    @property
    def is_awake(self) -> bool:
        """Whether it is to be claimed once it is due."""
        return self.next_fire_time is not None and self.error is None and not self.schedule.paused

    def trigger(self) -> Trigger:
        """Return a trigger of its own that stands where this one does. Raise whatever copying it raises."""
        trigger = self.schedule.trigger
        return trigger.copy() if trigger.stateful else trigger.at(self.cursor)


def row_of(schedule: Schedule, token: int) -> Row:
    """Make the row of a schedule that is added, or updated.

    :raises SerializationError: if its trigger cannot be copied
    """
    cursor = None
    if schedule.trigger.stateful:
        schedule = _with_trigger(schedule, _own(schedule.trigger))
    else:
        cursor = schedule.trigger.cursor
    following, last = schedule.next_fire_time, schedule.last_fire_time
    return Row(_due(following), token, schedule, cursor, following, last, None)


def replacement_of(row: Row, schedule: Schedule, token: int) -> Row:
    """Make the row of a schedule that replaces another: with the same trigger it goes on where that one was.

    :raises SerializationError: if its trigger cannot be copied
    """
    replacement = row_of(schedule, token)
    last = replacement.last_fire_time or row.last_fire_time
    if row.next_fire_time is None or not _are_same(row.schedule.trigger, schedule.trigger):
        return replacement._replace(last_fire_time=last)
    return row._replace(
        token=token,
        schedule=_with_trigger(schedule, row.schedule.trigger),
        last_fire_time=row.last_fire_time or last,
        error=None,
    )


def are_alike(row: Row, other: Row) -> bool:
    """Tell whether rows differ in their tokens at most. What cannot be compared is not alike."""
    try:
        return _without_state(row) == _without_state(other) and row[3:] == other[3:]
    except Exception:  # noqa: BLE001 - arguments of users may compare like nothing else
        return False


def _without_state(row: Row) -> Schedule:
    """Return the schedule as it was given, without what the row itself tells."""
    trigger = row.schedule.trigger
    return _with_state(row.schedule, trigger, None, None, None, None, 0, None)


def advanced(row: Row, result: ScheduleResult, token: int) -> Row:
    """Make the row that follows when a schedule has been processed.

    :raises SerializationError: if its trigger cannot be copied any more
    """
    schedule, cursor = row.schedule, None
    if schedule.trigger.stateful:
        schedule = _with_trigger(schedule, _own(result.trigger))
    else:
        cursor = result.trigger.cursor
    following, last = result.next_fire_time, result.last_fire_time
    return Row(_due(following), token, schedule, cursor, following, last, None)


def snapshot(row: Row, token: int, owner: str | None, until: datetime | None) -> Schedule:
    """Return the schedule as it is to be seen from outside. Raise whatever copying its trigger raises."""
    return _with_state(
        row.schedule,
        row.trigger(),
        row.next_fire_time,
        row.last_fire_time,
        owner,
        until,
        token,
        row.error,
    )


def describe(exception: BaseException) -> str:
    """Return an exception as the error text of a schedule."""
    try:
        return f"{type(exception).__qualname__}: {exception}"
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        return type(exception).__qualname__


def _due(moment: datetime | None) -> datetime:
    return _NEVER if moment is None else instant(moment)


def _own(trigger: Trigger) -> Trigger:
    try:
        return trigger.copy()
    except Exception as exc:
        raise SerializationError(f"the trigger cannot be copied: {describe(exc)}") from exc


def _are_same(one: Trigger, other: Trigger) -> bool:
    try:
        return one.same_rule(other)
    except Exception:  # noqa: BLE001 - a user's __eq__ may raise anything
        return False
