"""What many schedules have in common: made and validated once, and shared by them."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import attrs

from rota.model._copies import copier
from rota.model._schedule import Schedule
from rota.model._validation import as_args, as_kwargs, as_metadata, check_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime, timedelta

    from rota.abc import Trigger
    from rota.model._enums import CoalescePolicy, OverlapPolicy

__all__ = ["schedule_of", "schedule_with", "settings", "settings_of"]

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
schedule_with: Callable[..., Schedule] = copier(Schedule, *_OWN)

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
    return _settings(*_shared_of(schedule))


def schedule_of(
    shared: Schedule,
    id: str,
    trigger: Trigger,
    args: Iterable[Any],
    kwargs: Mapping[str, Any],
    metadata: Mapping[str, Any],
    next_fire_time: datetime | None,
) -> Schedule:
    """Return a new schedule; what is its own is converted and validated as by the initializer of `Schedule`."""
    check_identifier("id", id)
    return schedule_with(
        shared,
        id,
        trigger,
        as_args(args),
        as_kwargs(kwargs),
        as_metadata(metadata),
        next_fire_time,
        None,
        None,
        None,
        0,
        None,
    )
