"""The tasks that a scheduler knows: which callable belongs to which, and how its jobs are to be run."""

from __future__ import annotations

from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import anyio
import attrs
from attrs import frozen

from rota.model import CallableLookupError, Task, TaskDefaults, TaskLookupError, unset
from rota.model._validation import check_running_limit, is_possible_id, merged_metadata
from rota.schedulers._callables import name_of, reference_to, resolve
from rota.schedulers._decorator import (
    check_settings,
    decorated_id,
    decorated_settings,
    decorated_tasks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping
    from uuid import UUID

    from typing_extensions import Unpack

    from rota.abc import Clock, DataStore, JobExecutor
    from rota.model import UnsetValue
    from rota.schedulers._decorator import TaskSettings

__all__ = ["Runnable", "TaskRegistry"]

ASYNC_EXECUTOR = "async"
THREAD_EXECUTOR = "threadpool"

# A store that lives in this process holds the tasks of all schedulers that use it, so these share their callables.
_shared_callables: WeakKeyDictionary[DataStore, dict[str, Callable[..., Any]]] = WeakKeyDictionary()


@frozen(eq=False)
class Runnable:
    """A task together with its callable."""

    task: Task
    func: Callable[..., Any]


class TaskRegistry:
    """Turns callables into tasks of the data store, and tasks back into callables.

    What it has read from the data store it remembers until it is told that this may have changed.

    :param check_executor: raises if no process can have an executor by that name
    :param max_age_seconds: how old the settings may be with which jobs are added, where nothing tells of changes
    """

    def __init__(
        self,
        data_store: DataStore,
        defaults: TaskDefaults,
        executors: Mapping[str, JobExecutor],
        modules: Collection[str],
        new_id: Callable[[], UUID],
        check_executor: Callable[[str], object],
        clock: Clock,
        max_age_seconds: float,
    ) -> None:
        self._store = data_store
        self._check_executor = check_executor
        self._defaults = defaults
        self._executors = executors
        self._modules = tuple(modules)
        self._new_id = new_id
        self._callables: dict[str, Callable[..., Any]] = {}
        if not data_store.persistent:
            self._callables = _shared_callables.setdefault(data_store, self._callables)
        self._nameless: dict[Hashable, str] = {}
        self._clock = clock
        self._max_age_seconds = max_age_seconds
        self._known: dict[str, Task] = {}
        self._known_until = 0.0  # by the monotonic clock
        self._runnable: dict[str, Runnable] = {}
        self._looking: dict[
            str, anyio.Event
        ] = {}  # what is being read from the data store just now
        self._applied: set[str] = set()  # whose decorator has been heeded

    def forget(self, task_id: str) -> None:
        """Read this task from the data store again when it is needed next."""
        self._known.pop(task_id, None)
        self._runnable.pop(task_id, None)

    def forget_all(self) -> None:
        """Read every task from the data store again when it is needed next."""
        self._known.clear()
        self._runnable.clear()

    def cached(self, task_id: str) -> Runnable | None:
        """Return what `runnable` returns if that is known without asking the data store."""
        return self._runnable.get(task_id)

    async def runnable(self, task_id: str) -> Runnable:
        """Return a task with its callable.

        :raises TaskLookupError: if there is no such task
        :raises CallableLookupError: if its callable cannot be had on this node
        """
        while (looking := self._looking.get(task_id)) is not None:
            await looking.wait()  # as many jobs of a task may start at once
            if (runnable := self._runnable.get(task_id)) is not None:
                return runnable
        looking = self._looking[task_id] = anyio.Event()
        try:
            task = self._known[task_id] = await self._store.get_task(task_id)
            runnable = self._runnable[task_id] = Runnable(task, self._callable_of(task))
            return runnable
        finally:
            del self._looking[task_id]
            looking.set()

    def known(self, target: Task | str | Callable[..., Any]) -> Task | None:
        """Return the task of this id if that is known without asking the data store."""
        if (now := self._clock.monotonic()) >= self._known_until:
            self._known_until = now + self._max_age_seconds
            self._known.clear()
        return self._known.get(target) if type(target) is str else None

    async def ensure(
        self,
        target: Task | str | Callable[..., Any],
        *,
        max_instances: int | UnsetValue | None = unset,
    ) -> Task:
        """Return the task that `target` means, adding it to the data store if it is a callable that is not there yet.

        :param max_instances: raise the task's `max_running_jobs` to this if it is lower
        :raises TaskLookupError: if it is an id that does not exist
        """
        if max_instances is not unset:
            check_running_limit("max_instances", max_instances)
        if isinstance(target, Task):
            target = target.id
        if isinstance(target, str):
            task = self._known.get(target) or await self._existing(target)
            if task is None:
                raise TaskLookupError(target)
        else:
            task = await self._ensure_callable(target)
        if max_instances is not unset and _exceeds(max_instances, task.max_running_jobs):
            task = await self._stored(task.id) or task
            if _exceeds(max_instances, task.max_running_jobs):
                task = await self._store_task(attrs.evolve(task, max_running_jobs=max_instances))
        return task

    async def configure(
        self,
        target: Task | str | Callable[..., Any],
        func: Callable[..., Any] | UnsetValue = unset,
        **settings: Unpack[TaskSettings],
    ) -> Task:
        """Add a task or change what is said of it; settings that are not given stay as they are.

        :raises TaskLookupError: if `target` is the id of no task, and no callable is given
        """
        given = {name: value for name, value in settings.items() if value is not unset}
        check_settings(given)
        if isinstance(target, Task):
            return await self._adopt(target, func, given)
        if not isinstance(target, str):
            if func is not unset:
                raise ValueError(
                    "func must not be given together with a callable as the first argument"
                )
            func, target = target, self._identify(target)
        if func is unset:
            task = await self._stored(target)
            if task is None:
                raise TaskLookupError(target)
            return await self._store_task(self._changed(task, given))
        self._register(target, func)
        if target not in self._applied:
            self._applied.add(target)
            given = {**decorated_settings(func), **given}
        task = await self._stored(target)
        if task is None:
            return await self._store_task(self._new_task(target, func, given))
        return await self._store_task(self._changed(task, given, reference_to(func)))

    async def remove_unused(self) -> None:
        """Remove the tasks of callables without a name that no schedule and no job needs any more."""
        for key, task_id in list(self._nameless.items()):
            try:
                await self._store.remove_task(task_id)
            except TaskLookupError:
                pass
            except ValueError:
                continue
            self._nameless.pop(key, None)
            self._callables.pop(task_id, None)
            self.forget(task_id)

    async def _existing(self, task_id: str) -> Task | None:
        task = self._known.get(task_id)
        if task is not None:
            return task
        if not is_possible_id(task_id):
            return None
        try:
            task = self._known[task_id] = await self._store.get_task(task_id)
        except TaskLookupError:
            func = decorated_tasks.get(task_id)
            if func is None or task_id in self._callables:  # which may be a method of some object
                return None
            return await self.configure(func)
        return task

    async def _stored(self, task_id: str) -> Task | None:
        """Return a task as it is now, to be changed: what is remembered may lack what others have changed."""
        self._known.pop(task_id, None)
        return await self._existing(task_id)

    async def _ensure_callable(self, func: Callable[..., Any]) -> Task:
        task_id = self._identify(func)
        task = self._known.get(task_id)
        if task is not None and task_id in self._callables:
            self._register(task_id, func)
            return task
        if decorated_settings(func) and task_id not in self._applied:
            return await self.configure(func)
        self._register(task_id, func)
        task = await self._existing(task_id)
        reference = reference_to(func)
        if task is None:
            return await self._store_task(self._new_task(task_id, func, {}))
        if reference is not None and task.func is None:
            task = await self._stored(task_id) or task
            return await self._store_task(attrs.evolve(task, func=reference))
        return task

    async def _adopt(
        self, task: Task, func: Callable[..., Any] | UnsetValue, given: Mapping[str, Any]
    ) -> Task:
        if func is not unset:
            self._register(task.id, func)
            task = attrs.evolve(task, func=reference_to(func))
        return await self._store_task(self._changed(task, given))

    async def _store_task(self, task: Task) -> Task:
        self._check_executor(task.job_executor)
        await self._store.add_task(task)
        self.forget(task.id)
        self._known[task.id] = task
        return task

    def _register(self, task_id: str, func: Callable[..., Any]) -> None:
        if not callable(func):
            raise TypeError(f"func must be callable, got: {func!r}")
        known = self._callables.get(task_id)
        if known is None or (known is not func and _identity(known) != _identity(func)):
            _refuse_generators(func)
            self._callables[task_id] = func
            self._runnable.pop(task_id, None)

    def _new_task(self, task_id: str, func: Callable[..., Any], given: Mapping[str, Any]) -> Task:
        defaults = attrs.asdict(self._defaults, recurse=False)
        settings = {**defaults, **given}
        settings["metadata"] = merged_metadata(defaults["metadata"], given.get("metadata", {}))
        if settings["job_executor"] is unset:
            settings["job_executor"] = self._default_executor(func)
        return Task(id=task_id, func=reference_to(func), **settings)

    def _changed(self, task: Task, given: Mapping[str, Any], reference: str | None = None) -> Task:
        changes = dict(given)
        if reference is not None:
            changes["func"] = reference
        if "metadata" in changes:
            changes["metadata"] = merged_metadata(self._defaults.metadata, changes["metadata"])
        return attrs.evolve(task, **changes) if changes else task

    def _default_executor(self, func: Callable[..., Any]) -> str:
        name = ASYNC_EXECUTOR if _is_async(func) else THREAD_EXECUTOR
        return name if name in self._executors else next(iter(self._executors))

    def _identify(self, func: Callable[..., Any]) -> str:
        """Return the id of the task of a callable.

        :raises TypeError: if it is not callable, or a generator function
        :raises CallableLookupError: if a persistent data store could not find it again
        """
        if not callable(func):
            raise TypeError(
                "expected a callable, which is given without calling it, a task or the id of one, "
                f"got: {func!r:.100}"
            )
        task_id = decorated_id(func) or reference_to(func)
        if task_id is not None:
            return task_id
        key = _identity(func)
        if key in self._nameless:
            return self._nameless[key]
        if self._store.persistent:
            raise CallableLookupError(
                "a persistent data store needs a callable that can be imported by its module and name, "
                f"got: {func!r}; define it at the top level of a module, or give it an id with "
                "configure_task('some-id', func=...) in every process that runs it, and schedule that id"
            )
        _refuse_generators(func)
        task_id = name_of(func)
        if task_id in self._callables:
            task_id = f"{task_id}-{self._new_id()}"
        self._callables[task_id] = func
        self._nameless[key] = task_id
        return task_id

    def _callable_of(self, task: Task) -> Callable[..., Any]:
        func = self._callables.get(task.id) or decorated_tasks.get(task.id)
        if func is not None:
            return func
        if task.func is not None:
            return resolve(task.func, self._modules)
        raise CallableLookupError(
            f"task {task.id!r} has no callable on this scheduler; "
            f"give it one with configure_task({task.id!r}, func=...)"
        )


def _exceeds(wanted: int | None, limit: int | None) -> bool:
    return limit is not None and (wanted is None or wanted > limit)


def _unwrapped(func: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(func, partial):
        func = func.func
    return func


def _refuse_generators(func: Callable[..., Any]) -> None:
    inner = _unwrapped(func)
    if isgeneratorfunction(inner) or isasyncgenfunction(inner):
        raise TypeError(
            f"the callable of a task must not be a generator function, a call of which runs nothing of it: {inner!r}"
        )


def _is_async(func: Callable[..., Any]) -> bool:
    func = _unwrapped(func)
    return iscoroutinefunction(func) or iscoroutinefunction(type(func).__call__)


def _identity(func: Callable[..., Any]) -> Hashable:
    """Return a key that two callables share if calling one is calling the other.

    The callable is kept alive as long as the key is in use, so that the number stays its own.
    """
    if isinstance(func, MethodType):
        return id(func.__self__), id(func.__func__)
    if not isinstance(func, FunctionType):
        return id(func)
    plain = not (func.__closure__ or func.__defaults__ or func.__kwdefaults__)
    return (id(func.__code__), id(func.__globals__)) if plain else id(func)
