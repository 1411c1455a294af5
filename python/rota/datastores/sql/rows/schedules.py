"""Rows of schedules."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rota.datastores.sql.instants import duration, instant, micros, micros_of, offset_of
from rota.datastores.sql.rows.objects import (
    Definition,
    Objects,
    as_text,
    from_json,
    storable,
    to_json,
)
from rota.model import CoalescePolicy, OverlapPolicy
from rota.model._settings import schedule_with, settings
from rota.model._validation import check_identifier

if TYPE_CHECKING:
    from rota.datastores.sql._dialect import Values
    from rota.datastores.sql.base import Claim
    from rota.model import Schedule

__all__ = ["schedule_from_row", "schedule_row"]


def schedule_row(objects: Objects, schedule: Schedule, definition: Definition) -> Values:
    """Return the row of a schedule that nobody holds, in the order of the table's columns.

    :raises SerializationError: if something in it cannot be stored
    """
    next_fire_time = micros(schedule.next_fire_time)
    asleep = schedule.paused or schedule.error is not None
    return (
        storable("schedule id", schedule.id),
        schedule.task_id,
        definition.data,
        definition.stateful,
        definition.cursor,
        objects.write_arguments(_place(schedule.id), schedule.args, schedule.kwargs)
        if schedule.args or schedule.kwargs
        else None,
        schedule.paused,
        schedule.coalesce.name,
        micros_of(schedule.misfire_grace_time),
        micros_of(schedule.max_jitter),
        schedule.job_executor,
        micros_of(schedule.job_result_expiration_time),
        to_json(schedule.metadata),
        schedule.priority,
        micros_of(schedule.catch_up_window),
        schedule.overlap.name,
        next_fire_time,
        offset_of(schedule.next_fire_time),
        micros(schedule.last_fire_time),
        offset_of(schedule.last_fire_time),
        as_text(schedule.error),
        None if asleep else next_fire_time,
        schedule.token,
        None,
        None,
    )


def schedule_from_row(objects: Objects, row: Values, claim: Claim | None = None) -> Schedule:
    """Return the schedule of a row that begins with the table's columns, claimed if there is a claim.

    Raises whatever reading its objects raises.
    """
    (
        id_,
        task_id,
        trigger,
        stateful,
        cursor,
        payload,
        paused,
        coalesce,
        grace,
        jitter,
        executor,
        result_expiration_time,
        metadata,
        priority,
        window,
        overlap,
        next_fire_time,
        next_offset,
        last_fire_time,
        last_offset,
        error,
        _due,
        token,
        acquired_by,
        acquired_until,
        *_,
    ) = row
    args, kwargs = ((), {}) if payload is None else objects.read_arguments(_place(id_), payload)
    lease_end = instant(acquired_until)
    if claim is not None:
        acquired_by, lease_end = claim
        token += 1
    check_identifier("id", id_)
    return schedule_with(
        _settings(
            task_id,
            paused,
            coalesce,
            grace,
            jitter,
            executor,
            result_expiration_time,
            priority,
            window,
            overlap,
        ),
        id_,
        objects.trigger(id_, Definition(trigger, bool(stateful), cursor)),
        args,
        kwargs,
        from_json(metadata),
        instant(next_fire_time, next_offset),
        instant(last_fire_time, last_offset),
        acquired_by,
        lease_end,
        token,
        error,
    )


@lru_cache(maxsize=1024, typed=True)
def _settings(
    task_id: str,
    paused: int,
    coalesce: str,
    grace: int | None,
    jitter: int | None,
    executor: str,
    result_expiration_time: int,
    priority: int,
    window: int | None,
    overlap: str,
) -> Schedule:
    """Return what the columns tell that many rows have the same of."""
    return settings(
        task_id,
        bool(paused),
        CoalescePolicy[coalesce],
        duration(grace),
        duration(jitter),
        executor,
        duration(result_expiration_time),
        priority,
        duration(window),
        OverlapPolicy[overlap],
    )


def _place(schedule_id: str) -> bytes:
    return b"schedule arguments " + schedule_id.encode()
