"""Rows of schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota.datastores.sql.instants import duration, instant, micros, micros_of, offset_of
from rota.datastores.sql.rows.objects import (
    Definition,
    Objects,
    as_priority,
    as_text,
    from_json,
    storable,
    to_json,
)
from rota.model import CoalescePolicy, OverlapPolicy, Schedule

if TYPE_CHECKING:
    from rota.datastores.sql._dialect import Values
    from rota.datastores.sql.base import Claim

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
        objects.write_arguments(_place(schedule.id), schedule.args, schedule.kwargs),
        schedule.paused,
        schedule.coalesce.name,
        micros_of(schedule.misfire_grace_time),
        micros_of(schedule.max_jitter),
        schedule.job_executor,
        micros_of(schedule.job_result_expiration_time),
        to_json(schedule.metadata),
        as_priority(schedule.priority),
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
    args, kwargs = objects.read_arguments(_place(id_), payload)
    lease_end = instant(acquired_until)
    if claim is not None:
        acquired_by, lease_end = claim
        token += 1
    return Schedule(
        id=id_,
        task_id=task_id,
        trigger=objects.trigger(id_, Definition(trigger, bool(stateful), cursor)),
        args=args,
        kwargs=kwargs,
        paused=bool(paused),
        coalesce=CoalescePolicy[coalesce],
        misfire_grace_time=duration(grace),
        max_jitter=duration(jitter),
        job_executor=executor,
        job_result_expiration_time=duration(result_expiration_time),
        metadata=from_json(metadata),
        priority=priority,
        catch_up_window=duration(window),
        overlap=OverlapPolicy[overlap],
        next_fire_time=instant(next_fire_time, next_offset),
        last_fire_time=instant(last_fire_time, last_offset),
        error=error,
        token=token,
        acquired_by=acquired_by,
        acquired_until=lease_end,
    )


def _place(schedule_id: str) -> bytes:
    return b"schedule arguments " + schedule_id.encode()
