"""What many schedules, or many jobs, have in common: made and validated once, and shared by them."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import attrs

from rota.model._copies import copier
from rota.model._job import Job
from rota.model._schedule import Schedule
from rota.model._validation import (
    as_args,
    as_aware,
    as_kwargs,
    as_metadata,
    as_utc,
    check_identifier,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta

    from rota.abc import Trigger
    from rota.model._enums import CoalescePolicy, OverlapPolicy

__all__ = ["job_of", "job_settings", "schedule_of", "schedule_with", "settings", "settings_of"]

#: The fields that are a schedule's own.
_OWN = (
    "id",
    "trigger",
    "args",
    "kwargs",
    "metadata",
    "next_fire_time",
    "last_fire_time",
    "acquired_by",
    "acquired_until",
    "token",
    "error",
)
_SHARED = tuple(field.name for field in attrs.fields(Schedule) if field.name not in _OWN)

#: Make a schedule of settings and of fields of its own in the order of the table above, none of them validated.
schedule_with: Callable[..., Schedule] = copier(Schedule, *_OWN, _shared="original")

_shared_of = attrgetter(*_SHARED)


@lru_cache(maxsize=1024, typed=True)
def _settings(*values: object) -> Schedule:
    fields: dict[str, Any] = dict(zip(_SHARED, values, strict=True))
    return Schedule(id="shared", trigger=cast("Trigger", None), **fields)


def settings(
    task_id: str,
    paused: bool,
    coalesce: CoalescePolicy | str,
    misfire_grace_time: timedelta | float | None,
    max_jitter: timedelta | float | None,
    job_executor: str,
    job_result_expiration_time: timedelta | float,
    priority: int,
    catch_up_window: timedelta | float | None,
    overlap: OverlapPolicy | str,
    /,
) -> Schedule:
    """Return a schedule that has these settings, and nothing of its own; the same one for the same settings, mostly.

    :raises TypeError: as the initializer of `Schedule` does
    :raises ValueError: as the initializer of `Schedule` does
    """
    values = (
        task_id,
        paused,
        coalesce,
        misfire_grace_time,
        max_jitter,
        job_executor,
        job_result_expiration_time,
        priority,
        catch_up_window,
        overlap,
    )
    try:
        return _settings(*values)
    except TypeError:
        return _settings.__wrapped__(*values)  # which tells what is wrong with one that has no hash


def settings_of(schedule: Schedule) -> Schedule:
    """Return the settings of a schedule that is valid; the same ones for equal settings, mostly."""
    try:
        return schedule._shared
    except AttributeError:  # it was made by its initializer
        return _settings(*_shared_of(schedule))


def schedule_of(
    shared: Schedule,
    id: str,
    trigger: Trigger,
    args: Iterable[Any] | None,
    kwargs: Mapping[str, Any] | None,
    metadata: Mapping[str, Any],
    next_fire_time: datetime | None,
) -> Schedule:
    """Return a new schedule; what is its own is converted and validated as by the initializer of `Schedule`."""
    check_identifier("id", id)
    return schedule_with(
        shared,
        id,
        trigger,
        as_args(args) if args else (),
        as_kwargs(kwargs) if kwargs else {},
        as_metadata(metadata) if metadata else metadata,
        next_fire_time,
        None,
        None,
        None,
        0,
        None,
    )


_NO_JOB = UUID(int=0)
_NEVER = datetime(1, 1, 1, tzinfo=timezone.utc)
_job_with = copier(
    Job,
    "id",
    "args",
    "kwargs",
    "metadata",
    "scheduled_fire_time",
    "not_before",
    "start_deadline",
    "created_at",
)


@lru_cache(maxsize=1024, typed=True)
def _job_settings(
    task_id: str, executor: str, result_expiration_time: timedelta | float, priority: int
) -> Job:
    return Job(
        id=_NO_JOB,
        task_id=task_id,
        executor=executor,
        result_expiration_time=result_expiration_time,
        priority=priority,
        created_at=_NEVER,
    )


def job_settings(
    task_id: str, executor: str, result_expiration_time: timedelta | float, priority: int, /
) -> Job:
    """Return a job that has these settings, and nothing of its own; the same one for the same settings, mostly.

    :raises TypeError: as the initializer of `Job` does
    :raises ValueError: as the initializer of `Job` does
    """
    values = task_id, executor, result_expiration_time, priority
    try:
        return _job_settings(*values)
    except TypeError:
        return _job_settings.__wrapped__(*values)


def job_of(
    shared: Job,
    id: UUID,
    args: Iterable[Any] | None,
    kwargs: Mapping[str, Any] | None,
    metadata: Mapping[str, Any],
    run_at: datetime | None,
    grace: timedelta | None,
    created_at: datetime,
) -> Job:
    """Return a new job; what is its own is converted and validated as by the initializer of `Job`.

    :param run_at: when it is to run at the earliest
    :param grace: how much later it may start; `None` for any lateness
    :param created_at: when it is created (UTC)
    """
    not_before = deadline = None
    if run_at is not None:
        run_at = as_aware(run_at, "run_at")
        not_before = as_utc(run_at, "run_at")
        deadline = None if grace is None or not_before is None else _later(not_before, grace)
    return _job_with(
        shared,
        id,
        as_args(args) if args else (),
        as_kwargs(kwargs) if kwargs else {},
        as_metadata(metadata) if metadata else metadata,
        run_at,
        not_before,
        deadline,
        created_at,
    )


def _later(moment: datetime, by: timedelta) -> datetime:
    """Return a time (UTC) after another, or the last one there is."""
    try:
        return moment + by
    except OverflowError:
        return datetime.max.replace(tzinfo=timezone.utc)
