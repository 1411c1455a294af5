"""The asynchronous scheduler, for asyncio and Trio."""

from __future__ import annotations

from contextlib import AsyncExitStack
from logging import CRITICAL, INFO
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio import TASK_STATUS_IGNORED, CancelScope, create_task_group
from attrs import define, field

from rota.executors._worker import require_own_program
from rota.model import Health, RunState, SchedulerStarted, SchedulerStopped
from rota.schedulers._context import (
    acting_scheduler,
    current_async_scheduler,
    current_scheduler,
)
from rota.schedulers._engine import Engine
from rota.schedulers._job_operations import JobOperations
from rota.schedulers._node import Node
from rota.schedulers._schedule_operations import ScheduleOperations
from rota.schedulers._settings import Settings
from rota.schedulers._signals import stopping_on_signals
from rota.schedulers._task_operations import TaskOperations

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from types import TracebackType
    from uuid import UUID

    from anyio.abc import TaskGroup, TaskStatus
    from typing_extensions import Self

    from rota.abc import Subscription
    from rota.model import Event
    from rota.schedulers._claim import Verdict
    from rota.schedulers._engine import Companion
    from rota.schedulers.sync import Scheduler

__all__ = ["AsyncScheduler"]

E = TypeVar("E", bound="Event")


@define(eq=False, slots=False, repr=False)
class AsyncScheduler(TaskOperations, ScheduleOperations, JobOperations):
    """Runs tasks on schedules and from a queue, and is the interface to everything that is stored.

    Used as a context manager it starts the data store, the event broker and the executors. From then on tasks,
    schedules and jobs can be managed; nothing is run before `start_in_background` or `run_until_stopped`. See
    `Settings` for the arguments.
    """

    _group: TaskGroup | None = field(init=False, default=None)
    _engine: Engine | None = field(init=False, default=None)
    _stopped: anyio.Event | None = field(init=False, default=None)
    _facade: Scheduler | None = field(init=False, default=None)
    _companions: list[Companion] = field(init=False, factory=list)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(identity={self.identity!r}, role={self.role.name}, "
            f"data_store={self.data_store!r}, event_broker={self.event_broker!r})"
        )

    async def __aenter__(self) -> Self:
        if self._exit_stack is not None:
            raise RuntimeError("the scheduler is already initialized")
        require_own_program()
        exit_stack = AsyncExitStack()
        try:
            await self._start_services(exit_stack)
            self._group = await exit_stack.enter_async_context(create_task_group())
        except BaseException:
            # Not told of the error, the task groups among the services do not wrap it into a group of errors.
            await exit_stack.aclose()
            raise
        self._exit_stack = exit_stack
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        exit_stack, group = self._exit_stack, self._group
        assert exit_stack is not None, "entered before"
        assert group is not None, "entered before"
        with CancelScope(shield=True):
            await self.stop()
            await self.wait_until_stopped()
        self._waiters.dismiss()
        group.cancel_scope.cancel()
        self._exit_stack = self._group = None
        await exit_stack.aclose()  # see __aenter__
        return None

    @property
    def state(self) -> RunState:
        """Where the scheduler is in its life cycle."""
        return self._state

    @property
    def health(self) -> Health:
        """What does not work at present; nobody is asked, so this takes no time."""
        services = {
            "data store": self.data_store.problem,
            "event broker": self.event_broker.problem,
        }
        problems = {name: problem for name, problem in services.items() if problem is not None}
        if self._engine is not None:
            problems |= self._engine.problems()
        return Health(state=self._state, problems=problems)

    async def start_in_background(self) -> None:
        """Start processing schedules and jobs, as the role says, and return; it goes on until the context is left.

        :raises RuntimeError: if the scheduler is running, or is not used as a context manager
        """
        self._require_services()
        if self._state is not RunState.stopped:
            raise RuntimeError(f"the scheduler is running already, its state: {self._state.name}")
        assert self._group is not None, "it is there while the services are"
        self._state = RunState.starting
        await self._group.start(self._run)

    async def run_until_stopped(
        self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED
    ) -> None:
        """Process schedules and jobs, as the role says, until `stop` is called or this is cancelled.

        In the main thread SIGTERM, and SIGINT where nothing else handles it, stop the scheduler in order; a second one
        has it wait no longer for running jobs, a third ends the process at once.
        """
        if self._exit_stack is None:
            async with self:
                await self.run_until_stopped(task_status=task_status)
            return
        async with stopping_on_signals(self._stop_or_hurry):
            await self.start_in_background()
            task_status.started()
            try:
                await self.wait_until_stopped()
            finally:
                self._request_stop()
                with CancelScope(shield=True):
                    await self.wait_until_stopped()

    async def stop(self) -> None:
        """Have the scheduler stop; this does not wait until it has. Does nothing if it is not running.

        No new job is started. Running ones may go on for `shutdown_timeout`; then they are cancelled, and recorded as
        that or given back, as `Task.abandoned` says.
        """
        self._request_stop()

    async def wait_until_stopped(self) -> None:
        """Wait until the scheduler has stopped, if it is running."""
        if self._stopped is not None:
            await self._stopped.wait()

    async def cleanup(self) -> None:
        """Remove results whose time is up, and tasks that nobody can use any more."""
        self._require_services()
        await self.data_store.cleanup()
        await self._tasks.remove_unused()

    def subscribe(
        self,
        callback: Callable[[E], Any],
        event_types: type[E] | Iterable[type[E]] | None = None,
        *,
        one_shot: bool = False,
        is_async: bool = True,
    ) -> Subscription:
        """Have `callback` called with each event of the given types (and their subclasses); `None` means all.

        :param one_shot: unsubscribe after the first event
        :param is_async: whether the callback runs on the event loop (a plain or a coroutine function); otherwise it is
            called in a worker thread, so that it may block
        :return: something to unsubscribe with, also as a context manager
        """
        types = {event_types} if isinstance(event_types, type) else event_types
        return self.event_broker.subscribe(
            callback,  # type: ignore[arg-type]  # only events of these types come
            types,
            one_shot=one_shot,
            is_async=is_async,
        )

    async def get_next_event(self, event_types: type[E] | Iterable[type[E]]) -> E:
        """Wait for the next event of the given types, and return it.

        :raises RuntimeError: if the scheduler is closed meanwhile
        """
        arrived = anyio.Event()
        events: list[E] = []

        def receive(event: E) -> None:
            events.append(event)
            arrived.set()

        with (
            self.subscribe(receive, event_types, one_shot=True),
            self._waiters.waiting_for("an event"),
        ):
            await arrived.wait()
        return events[0]

    def _request_stop(self) -> None:
        if self._engine is not None and self._state is not RunState.stopping:
            self._state = RunState.stopping
            self._log(INFO, "scheduler.stopping")
            self._engine.stop()

    def _stop_or_hurry(self) -> None:
        """React to a signal: the first one stops the scheduler in order, further ones at once."""
        if self._engine is not None and self._state is RunState.stopping:
            self._engine.hurry()
        self._request_stop()

    def _give_up(self, job_ids: Collection[UUID], verdict: Verdict) -> None:
        if self._engine is not None:
            self._engine.give_up(job_ids, verdict)

    async def _run(self, *, task_status: TaskStatus[None]) -> None:
        """Run the engine; only `stop` ends it, so that a cancellation from outside does not cut jobs short."""
        error: BaseException | None = None
        self._stopped = anyio.Event()
        with CancelScope(shield=True):
            try:
                current_async_scheduler.set(self)
                current_scheduler.set(self._facade)
                acting_scheduler.set(self)
                self._engine = Engine(self._new_node(), self, self._companions)
                await self.event_broker.publish_local(SchedulerStarted(timestamp=self.clock.now()))
                await self._engine.run(lambda: self._has_started(task_status))
            except BaseException as exc:
                error = exc
                self._log(CRITICAL, "scheduler.failed", exc)
                raise
            finally:
                self._engine = None
                self._state = RunState.stopped
                self._stopped.set()
                self._log(INFO, "scheduler.stopped")
                await self.event_broker.publish_local(
                    SchedulerStopped(timestamp=self.clock.now(), exception=error)
                )

    def _has_started(self, task_status: TaskStatus[None]) -> None:
        self._state = RunState.started
        self._log(INFO, "scheduler.started")
        task_status.started()

    def _log(self, level: int, event: str, exc: BaseException | None = None) -> None:
        extra = {"event": event, "identity": self.identity}
        text = f"{event.replace('.', ' ')}: %s"
        self.logger.log(level, text, self.identity, exc_info=exc, extra=extra)

    def _new_node(self) -> Node:
        return Node(
            id=f"{self.identity}:{self.new_id()}",
            data_store=self.data_store,
            event_broker=self.event_broker,
            executors=self.job_executors,
            tasks=self._tasks,
            clock=self.clock,
            random=self.random,
            new_id=self.new_id,
            logger=self.logger,
            lease_duration=self.lease_duration,
            polling_interval=self.polling_interval,
            accept=self.accept,
        )


AsyncScheduler.__init__.__doc__ = Settings.__doc__  # which `help` shows
