"""What is asked for, with everything that was left open filled in from the task. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from rota.abc import Trigger
from rota.model import CoalescePolicy, Job, OverlapPolicy, Task, unset
from rota.model._settings import settings, validated_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from typing_extensions import Required

    from rota.model import Schedule, UnsetValue

__all__ = ["JobRequest", "ScheduleRequest", "new_job", "new_schedule"]

_NOTHING: Mapping[str, Any] = {}


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


def new_schedule(task: Task, request: ScheduleRequest, new_id: Callable[[], UUID]) -> Schedule:
    """Return the schedule of `task` that was asked for, due at its trigger's next fire time."""
    if not isinstance(request["trigger"], Trigger):
        raise TypeError(f"trigger must be a trigger, got: {request['trigger']!r:.100}")
    # the caller may use his for other schedules, too
    trigger, next_fire_time = request["trigger"]._moved_copy()
    get = request.get
    grace_time = get("misfire_grace_time", unset)
    shared = settings(
        task.id,
        paused=get("paused", False),
        coalesce=get("coalesce", CoalescePolicy.latest),
        misfire_grace_time=task.misfire_grace_time if grace_time is unset else grace_time,
        max_jitter=get("max_jitter"),
        job_executor=get("job_executor") or task.job_executor,
        job_result_expiration_time=get("job_result_expiration_time", 0),
        priority=get("priority", 0),
        catch_up_window=get("catch_up_window"),
        overlap=get("overlap", OverlapPolicy.allow),
    )
    return validated_schedule(
        shared,
        get("id") or str(new_id()),
        trigger,
        get("args") or (),
        get("kwargs") or _NOTHING,
        _merged(task.metadata, get("metadata", unset)),
        next_fire_time,
    )


def new_job(task: Task, request: JobRequest, now: datetime, new_id: Callable[[], UUID]) -> Job:
    """Return the job of `task` that was asked for."""
    run_at = request.get("run_at")
    grace = task.misfire_grace_time
    return Job(
        id=new_id(),
        task_id=task.id,
        args=request.get("args") or (),
        kwargs=request.get("kwargs") or _NOTHING,
        executor=request.get("job_executor") or task.job_executor,
        metadata=_merged(task.metadata, request.get("metadata", unset)),
        result_expiration_time=request.get("result_expiration_time", 0),
        priority=request.get("priority", 0),
        scheduled_fire_time=run_at,
        not_before=run_at,
        start_deadline=None if run_at is None or grace is None else run_at + grace,
        created_at=now,
    )


def _merged(
    inherited: Mapping[str, Any], given: Mapping[str, Any] | UnsetValue
) -> Mapping[str, Any]:
    if not given:
        return inherited
    return {**inherited, **given}
