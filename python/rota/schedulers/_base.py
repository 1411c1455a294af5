"""What all operations of a scheduler need: its settings, its services, and whether these have been started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from rota.abc._executor import start_executor
from rota.model import (
    EventsMissed,
    JobExecutorLookupError,
    RunState,
    TaskAdded,
    TaskRemoved,
    TaskUpdated,
)
from rota.schedulers._results import ResultDesk
from rota.schedulers._settings import Settings
from rota.schedulers._tasks import TaskRegistry
from rota.schedulers._waiters import Waiters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AsyncExitStack

    from rota.abc import Additions
    from rota.model import Event, Job

__all__ = ["SchedulerBase"]


@define(eq=False, slots=False)
class SchedulerBase(Settings):
    """A scheduler as an interface to its data store."""

    _exit_stack: AsyncExitStack | None = field(init=False, default=None)
    _state: RunState = field(init=False, default=RunState.stopped)
    _tasks: TaskRegistry = field(init=False)
    _desk: ResultDesk = field(init=False)
    _waiters: Waiters = field(init=False, factory=Waiters)
    #: gives what is added to the metadata of each new job
    _stamp: Callable[[], Mapping[str, Any]] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._tasks = TaskRegistry(
            self.data_store,
            self.task_defaults,
            self.job_executors,
            self.task_modules,
            self.new_id,
            self._check_executor,
            self.clock,
            self.polling_interval.total_seconds(),
        )
        self._desk = ResultDesk(self.data_store, self.event_broker, self.clock)

    async def _start_services(self, exit_stack: AsyncExitStack) -> None:
        await self.event_broker.start(exit_stack, self.logger, self.clock)
        await self.data_store.start(exit_stack, self.event_broker, self.logger, self.clock)
        for executor in self.job_executors.values():
            await start_executor(executor, exit_stack, self.clock)
        exit_stack.callback(
            self.event_broker.subscribe(
                self._task_changed, {TaskAdded, TaskUpdated, TaskRemoved, EventsMissed}
            ).unsubscribe
        )

    def _task_changed(self, event: Event) -> None:
        if isinstance(event, EventsMissed):
            self._tasks.forget_all()
            return
        assert isinstance(event, TaskAdded | TaskUpdated | TaskRemoved), "subscribed to no others"
        self._tasks.forget(event.task_id)

    def _require_services(self) -> None:
        if self._exit_stack is None:
            raise RuntimeError(
                "the scheduler has not been initialized; use it as a context manager: "
                "`async with AsyncScheduler(...) as scheduler:`"
            )

    def _additions(self, connection: Any) -> Additions:
        """Return what adds jobs and schedules: the data store, or its guest in a transaction of the caller."""
        self._require_services()
        return self.data_store if connection is None else self.data_store.within(connection)

    def _stamped(self, job: Job) -> Job:
        if self._stamp is None:
            return job
        return evolve(job, metadata={**job.metadata, **self._stamp()})

    def _check_executor(self, name: str) -> None:
        """Refuse an unknown executor if no other process could know it; else only warn."""
        if name in self.job_executors:
            return
        error = JobExecutorLookupError(name, self.job_executors)
        if not self.data_store.persistent:
            raise error
        self.logger.warning(
            "%s; schedulers that run the jobs must have it",
            error,
            extra={"event": "executor.unknown", "job_executor": name},
        )
