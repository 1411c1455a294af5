"""The `@task` decorator: settings that travel with a function."""

from __future__ import annotations

from inspect import unwrap
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, overload

from rota.model import AbandonedPolicy, RetryPolicy, TaskDefaults, UnsetValue, unset
from rota.schedulers._callables import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import timedelta

    from typing_extensions import Unpack

__all__ = [
    "TaskSettings",
    "check_settings",
    "decorated_id",
    "decorated_settings",
    "decorated_tasks",
    "task",
]

F = TypeVar("F", bound="Callable[..., Any]")
_ATTRIBUTE = "__rota_task__"

#: the callables that `@task` has seen in this process and that other processes can find, too
decorated_tasks: dict[str, Callable[..., Any]] = {}


class TaskSettings(TypedDict, total=False):
    """What can be said of a task; `unset`, or saying nothing, leaves a value as it is.

    See `Task` for what each of them means.
    """

    job_executor: str | UnsetValue
    max_running_jobs: int | UnsetValue | None
    misfire_grace_time: timedelta | float | UnsetValue | None
    metadata: Mapping[str, Any] | UnsetValue
    retry: RetryPolicy | UnsetValue
    timeout: timedelta | float | UnsetValue | None
    abandoned: AbandonedPolicy | UnsetValue
    tags: Collection[str] | UnsetValue


@overload
def task(func: F, /) -> F: ...
@overload
def task(id: str | UnsetValue = unset, **settings: Unpack[TaskSettings]) -> Callable[[F], F]: ...
def task(
    id: F | str | UnsetValue = unset, **settings: Unpack[TaskSettings]
) -> F | Callable[[F], F]:
    """Attach settings to a function, to be used wherever it is scheduled, and make it known to stored tasks.

    ::

        @task(id="send-mail", max_running_jobs=5, retry=RetryPolicy(max_attempts=3))
        def send_mail(address): ...

    :param id: the id of the task; by default the function's module and name. Also the function, where the decorator
        is used without arguments
    :raises ValueError: if another function has this id already
    """
    if callable(id):
        return _decorated(id, unset, settings)
    if id is not unset and not isinstance(id, str):
        raise TypeError(f"id must be the id of a task, or a function to decorate, got: {id!r}")

    def decorate(function: F) -> F:
        return _decorated(function, id, settings)

    return decorate


def _decorated(function: F, id: str | UnsetValue, settings: TaskSettings) -> F:
    given: dict[str, Any] = {name: value for name, value in settings.items() if value is not unset}
    check_settings(given)
    TaskDefaults(**given)  # refuses here what would be refused only when the function is first used
    function.__rota_task__ = (id, given)  # type: ignore[attr-defined]
    task_id = id or name_of(function)
    if id or "<" not in task_id:
        other = decorated_tasks.get(task_id)
        if other is not None and _source(other) != _source(function):
            raise ValueError(f"task id {task_id!r} is that of {name_of(other)} already")
        decorated_tasks[task_id] = function
    return function


def check_settings(given: Collection[str]) -> None:
    """Refuse what is no setting of a task."""
    unknown = sorted(set(given) - TaskSettings.__annotations__.keys())
    if unknown:
        known = ", ".join(TaskSettings.__annotations__)
        raise TypeError(f"a task has no {', '.join(map(repr, unknown))}; there are: {known}")


def _source(function: Callable[..., Any]) -> tuple[str, str]:
    """Return where a function is from: the same one if its module is reloaded, or imported by another name."""
    code = getattr(unwrap(function), "__code__", None)
    return getattr(code, "co_filename", ""), name_of(function).partition(":")[2]


def decorated_id(func: Callable[..., Any]) -> str | None:
    """Return the id that `@task` gave to a function, or `None`."""
    task_id: str | UnsetValue
    task_id, _ = getattr(func, _ATTRIBUTE, (unset, {}))
    return task_id or None


def decorated_settings(func: Callable[..., Any]) -> dict[str, Any]:
    """Return the settings that `@task` attached to a function."""
    _, settings = getattr(func, _ATTRIBUTE, (unset, {}))
    return dict(settings)
