"""What is asked for, with everything that was left open filled in from the task. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from rota.abc import Trigger
from rota.model import CoalescePolicy, OverlapPolicy, Task, unset
from rota.model._settings import job_of, job_settings, schedule_of, settings
from rota.model._validation import merged_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from uuid import UUID

    from typing_extensions import Required

    from rota.model import Job, Schedule, UnsetValue

__all__ = [
    "JobRequest",
    "ScheduleRequest",
    "check_names",
    "check_trigger",
    "new_job",
    "new_schedule",
]

_NEEDED = frozenset({"func_or_task_id", "trigger"})


class ScheduleRequest(TypedDict, total=False):
    """The arguments of `add_schedule`, for adding many at once."""

    func_or_task_id: Required[Callable[..., Any] | str | Task]
    trigger: Required[Trigger]
    id: str | None
    args: Iterable[Any] | None
    kwargs: Mapping[str, Any] | None
    paused: bool
    coalesce: CoalescePolicy | str
    job_executor: str | UnsetValue
    misfire_grace_time: timedelta | float | UnsetValue | None
    metadata: Mapping[str, Any] | UnsetValue
    max_jitter: timedelta | float | None
    job_result_expiration_time: timedelta | float
    max_instances: int | UnsetValue | None
    priority: int
    catch_up_window: timedelta | float | None
    overlap: OverlapPolicy | str


class JobRequest(TypedDict, total=False):
    """The arguments of `add_job`, for adding many at once."""

    func_or_task_id: Required[Callable[..., Any] | str | Task]
    args: Iterable[Any] | None
    kwargs: Mapping[str, Any] | None
    job_executor: str | UnsetValue
    metadata: Mapping[str, Any] | UnsetValue
    result_expiration_time: timedelta | float
    priority: int
    run_at: datetime | None


#: the names that each kind of request may have, and those that it needs
_NAMES: dict[object, tuple[frozenset[str], frozenset[str]]] = {
    kind: (frozenset(kind.__annotations__), _NEEDED & frozenset(kind.__annotations__))
    for kind in (JobRequest, ScheduleRequest)
}


def check_names(request: object, kind: type[JobRequest | ScheduleRequest]) -> None:
    """Refuse a request that is no mapping, names what is no argument, or lacks what is needed."""
    if not isinstance(request, Mapping):
        raise TypeError(f"a {kind.__name__} must be a mapping, got: {request!r:.100}")
    known, needed = _NAMES[kind]
    if not needed <= request.keys() <= known:
        named = sorted(map(repr, request.keys() - known or needed - request.keys()))
        verb = "has no" if request.keys() - known else "needs"
        raise TypeError(f"a {kind.__name__} {verb} {', '.join(named)}")


def check_trigger(trigger: object) -> None:
    """Refuse what is no trigger."""
    if Trigger not in type(trigger).__mro__:  # `isinstance` takes longer where a class is abstract
        raise TypeError(
            f"trigger must be a Trigger, such as CronTrigger(hour=3), got: {trigger!r:.100}"
        )


def new_schedule(
    task: Task,
    new_id: Callable[[], UUID],
    trigger: Trigger,
    id: str | None = None,
    args: Iterable[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    paused: bool = False,
    coalesce: CoalescePolicy | str = CoalescePolicy.latest,
    job_executor: str | UnsetValue = unset,
    misfire_grace_time: timedelta | float | UnsetValue | None = unset,
    metadata: Mapping[str, Any] | UnsetValue = unset,
    max_jitter: timedelta | float | None = None,
    job_result_expiration_time: timedelta | float = 0,
    priority: int = 0,
    catch_up_window: timedelta | float | None = None,
    overlap: OverlapPolicy | str = OverlapPolicy.allow,
) -> Schedule:
    """Return the schedule of `task` that was asked for, due at its trigger's next fire time."""
    check_trigger(trigger)
    if id == "":
        raise ValueError("id must not be empty; leave it out, or give None, for a new one")
    # the caller may use his for other schedules, too
    moved, next_fire_time = trigger._moved_copy()
    return schedule_of(
        settings(
            task.id,
            paused,
            coalesce,
            task.misfire_grace_time if misfire_grace_time is unset else misfire_grace_time,
            max_jitter,
            job_executor or task.job_executor,
            job_result_expiration_time,
            priority,
            catch_up_window,
            overlap,
        ),
        id or str(new_id()),
        moved,
        args,
        kwargs,
        _merged(task.metadata, metadata),
        next_fire_time,
    )


def new_job(
    task: Task,
    new_id: Callable[[], UUID],
    now: datetime,
    *,
    args: Iterable[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    job_executor: str | UnsetValue = unset,
    metadata: Mapping[str, Any] | UnsetValue = unset,
    result_expiration_time: timedelta | float = 0,
    priority: int = 0,
    run_at: datetime | None = None,
) -> Job:
    """Return the job of `task` that was asked for."""
    return job_of(
        job_settings(
            task.id,
            job_executor or task.job_executor,
            result_expiration_time,
            priority,
        ),
        new_id(),
        args,
        kwargs,
        _merged(task.metadata, metadata),
        run_at,
        task.misfire_grace_time,
        now,
    )


def _merged(
    inherited: Mapping[str, Any], given: Mapping[str, Any] | UnsetValue
) -> Mapping[str, Any]:
    if given is unset or not given:
        return inherited
    return merged_metadata(inherited, given)
