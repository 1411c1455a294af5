"""Schedules as they are kept: what a schedule has of its own, and what it shares with others."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from rota.datastores._memory.instants import instant
from rota.model import SerializationError
from rota.model._failure import in_short
from rota.model._settings import schedule_with, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rota.abc import Trigger
    from rota.model import Schedule, ScheduleResult

__all__ = ["Row", "advanced", "replacement_of", "row_of", "snapshot"]

_NEVER = datetime.max.replace(tzinfo=timezone.utc)


class Row(NamedTuple):
    """A schedule at one time of its life; any change makes another row.

    It is a tuple because rows stand in a heap as they are, ordered by the first two fields. There are many of them, so
    what most schedules have in common is kept once.

    :param due: the next fire time in UTC; arbitrary if there is none
    :param token: the fence, which is another one in each row
    :param id: the id of the schedule
    :param settings: what it shares with others, see `rota.model._settings`
    :param trigger: the trigger as it was given, or a copy if it is stateful. Whoever gave it may move it; it therefore
        tells the definition only.
    :param cursor: where the trigger stands, if it is not stateful
    :param args: its positional arguments
    :param kwargs: its keyword arguments, `None` if there are none
    :param metadata: its metadata
    :param next_fire_time: in its own zone
    :param last_fire_time: in its own zone
    :param error: why it is set aside, or `None`
    """

    due: datetime
    token: int
    id: str
    settings: Schedule
    trigger: Trigger
    cursor: object
    args: Sequence[Any]
    kwargs: Mapping[str, Any] | None
    metadata: Mapping[str, Any]
    next_fire_time: datetime | None
    last_fire_time: datetime | None
    error: str | None

    @property
    def is_awake(self) -> bool:
        """Whether it is to be claimed once it is due."""
        return self.next_fire_time is not None and self.error is None and not self.settings.paused

    @property
    def task_id(self) -> str:
        """The id of its task."""
        return self.settings.task_id


#: Make a row of its fields; a call of the class takes twice the time.
_row: Callable[[tuple[object, ...]], Row] = partial(tuple.__new__, Row)


def row_of(schedule: Schedule, token: int) -> Row:
    """Make the row of a schedule that is added, or updated.

    :raises SerializationError: if its trigger cannot be copied
    """
    trigger, cursor = _taken_apart(schedule.trigger)
    following = schedule.next_fire_time
    return _row(
        (
            _due(following),
            token,
            schedule.id,
            settings_of(schedule),
            trigger,
            cursor,
            schedule.args,
            schedule.kwargs or None,
            schedule.metadata,
            following,
            schedule.last_fire_time,
            None,
        )
    )


def replacement_of(row: Row, schedule: Schedule, token: int) -> Row:
    """Make the row of a schedule that replaces another: with the same trigger it goes on where that one was.

    :raises SerializationError: if its trigger cannot be copied
    """
    replacement = row_of(schedule, token)
    last = replacement.last_fire_time or row.last_fire_time
    if row.next_fire_time is None or not _are_same(row.trigger, schedule.trigger):
        return replacement._replace(last_fire_time=last)
    return replacement._replace(
        due=row.due,
        trigger=row.trigger,
        cursor=row.cursor,
        next_fire_time=row.next_fire_time,
        last_fire_time=row.last_fire_time or last,
    )


def are_alike(row: Row, other: Row) -> bool:
    """Tell whether rows differ in their tokens at most. What cannot be compared is not alike."""
    try:
        return row[2:] == other[2:]
    except Exception:  # noqa: BLE001 - arguments of users may compare like nothing else
        return False


def advanced(row: Row, result: ScheduleResult, token: int) -> Row:
    """Make the row that follows when a schedule has been processed.

    :raises SerializationError: if its trigger cannot be copied any more
    """
    trigger, cursor = _taken_apart(result.trigger)
    following = result.next_fire_time
    return _row(
        (
            _due(following),
            token,
            row.id,
            row.settings,
            trigger if trigger.stateful else row.trigger,
            cursor,
            row.args,
            row.kwargs,
            row.metadata,
            following,
            result.last_fire_time,
            None,
        )
    )


def snapshot(row: Row, token: int, owner: str | None, until: datetime | None) -> Schedule:
    """Return the schedule as it is to be seen from outside. Raise whatever copying its trigger raises."""
    trigger = row.trigger
    return schedule_with(
        row.settings,
        row.id,
        trigger.copy() if trigger.stateful else trigger.at(row.cursor),
        row.args,
        row.kwargs or {},
        row.metadata,
        row.next_fire_time,
        row.last_fire_time,
        owner,
        until,
        token,
        row.error,
    )


def _due(moment: datetime | None) -> datetime:
    return _NEVER if moment is None else instant(moment)


def _taken_apart(trigger: Trigger) -> tuple[Trigger, object]:
    """Return what is kept of a trigger.

    :raises SerializationError: if it cannot be copied
    """
    try:
        return trigger._taken_apart()
    except Exception as exc:
        raise SerializationError(f"the trigger cannot be copied: {in_short(exc)}") from exc


def _are_same(one: Trigger, other: Trigger) -> bool:
    try:
        return one.same_rule(other)
    except Exception:  # noqa: BLE001 - a user's __eq__ may raise anything
        return False
