"""The synchronous scheduler: an asynchronous one in a thread of its own, each of its methods with a blocking twin."""

from __future__ import annotations

import atexit
import signal
import threading
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from rota.schedulers._portal import PortalThread
from rota.schedulers._signals import ORDERLY_SIGNALS, end_at_next, unclaimed_signals
from rota.schedulers.async_ import AsyncScheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, MutableMapping
    from datetime import timedelta
    from logging import Logger

    from typing_extensions import Self

    from rota.abc import Clock, DataStore, EventBroker, JobExecutor, JobFilter, Subscription
    from rota.model import Event, Health, RunState, SchedulerRole, TaskDefaults

__all__ = ["Scheduler"]

P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", bound="Event")

CLOSE_SECONDS = 15.0  #: how long, beyond the shutdown timeout, the end of the thread is waited for


def _blocking(
    method: Callable[Concatenate[AsyncScheduler, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Scheduler, P], R]:
    """Return the blocking twin of a method of `AsyncScheduler`."""

    @wraps(method)
    def call(self: Scheduler, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._open().call(method, self._async, *args, **kwargs)

    return call


def _documented(method: Callable[P, R], text: str) -> Callable[P, R]:
    """Give a method a docstring of its own."""
    method.__doc__ = text
    return method


def _constructed_like(
    twin: Callable[P, AsyncScheduler],
) -> Callable[
    [Callable[[Scheduler, AsyncScheduler], None]], Callable[Concatenate[Scheduler, P], None]
]:
    """Give a constructor the arguments of `AsyncScheduler`."""

    def decorate(
        init: Callable[[Scheduler, AsyncScheduler], None],
    ) -> Callable[Concatenate[Scheduler, P], None]:
        @wraps(AsyncScheduler.__init__)
        def construct(self: Scheduler, /, *args: P.args, **kwargs: P.kwargs) -> None:
            init(self, twin(*args, **kwargs))

        return construct

    return decorate


class _Same:
    """An attribute that is the asynchronous scheduler's, read-only."""

    def __set_name__(self, owner: type[Scheduler], name: str) -> None:
        self._name = name

    def __get__(self, instance: Scheduler | None, owner: type[Scheduler]) -> Any:
        return self if instance is None else getattr(instance._async, self._name)


def _same() -> Any:
    return _Same()


class Scheduler:
    """Runs tasks on schedules and from a queue, for programs that do not use an event loop.

    It takes the arguments of `AsyncScheduler` (see `Settings`), and every method does what the method of the same name
    does there, blocking until it is done. Best used as a context manager; without one, its services are started when
    they are first needed, and stopped at the end of the process.
    """

    data_store: DataStore = _same()
    event_broker: EventBroker = _same()
    identity: str = _same()
    role: SchedulerRole = _same()
    task_defaults: TaskDefaults = _same()
    max_concurrent_jobs: int = _same()
    job_executors: MutableMapping[str, JobExecutor] = _same()
    cleanup_interval: timedelta | None = _same()
    lease_duration: timedelta = _same()
    logger: Logger = _same()
    clock: Clock = _same()
    task_modules: Collection[str] = _same()
    polling_interval: timedelta = _same()
    shutdown_timeout: timedelta = _same()
    accept: JobFilter | None = _same()
    state: RunState = _same()
    health: Health = _same()

    @_constructed_like(AsyncScheduler)
    def __init__(self, scheduler: AsyncScheduler) -> None:
        self._async = scheduler
        self._async._facade = self
        self._thread: PortalThread | None = None
        self._closing = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return repr(self._async).removeprefix("Async")

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    add_schedule: Final = _blocking(AsyncScheduler.add_schedule)
    add_schedules: Final = _blocking(AsyncScheduler.add_schedules)
    get_schedule: Final = _blocking(AsyncScheduler.get_schedule)
    get_schedules: Final = _blocking(AsyncScheduler.get_schedules)
    pause_schedule: Final = _blocking(AsyncScheduler.pause_schedule)
    unpause_schedule: Final = _blocking(AsyncScheduler.unpause_schedule)
    run_schedule: Final = _blocking(AsyncScheduler.run_schedule)
    update_schedule: Final = _blocking(AsyncScheduler.update_schedule)
    remove_schedule: Final = _blocking(AsyncScheduler.remove_schedule)
    remove_schedules: Final = _blocking(AsyncScheduler.remove_schedules)
    add_job: Final = _blocking(AsyncScheduler.add_job)
    add_jobs: Final = _blocking(AsyncScheduler.add_jobs)
    run_job: Final = _blocking(AsyncScheduler.run_job)
    get_jobs: Final = _blocking(AsyncScheduler.get_jobs)
    get_job_result: Final = _blocking(AsyncScheduler.get_job_result)
    cancel_job: Final = _blocking(AsyncScheduler.cancel_job)
    configure_task: Final = _blocking(AsyncScheduler.configure_task)
    get_tasks: Final = _blocking(AsyncScheduler.get_tasks)
    cleanup: Final = _blocking(AsyncScheduler.cleanup)
    start_in_background: Final = _documented(
        _blocking(AsyncScheduler.start_in_background),
        """Start processing schedules and jobs, as the role says, and return.

        It goes on until the context is left or, without one, until the process ends.

        :raises RuntimeError: if the scheduler is running
        """,
    )
    wait_until_stopped: Final = _blocking(AsyncScheduler.wait_until_stopped)

    def run_until_stopped(self) -> None:
        """Process schedules and jobs, as the role says, until `stop` is called.

        In the main thread SIGTERM and SIGINT, where nothing else handles them, stop the scheduler in order; a second
        one has it wait no longer for running jobs, a third ends the process at once.
        """
        thread = self._open()
        with self._stopping_on_signals(thread):
            thread.call_attentively(self._async.run_until_stopped)

    def stop(self) -> None:
        """Have the scheduler stop; this does not wait until it has. Does nothing if it is not running."""
        thread = self._thread
        if thread is not None and thread.is_here:
            thread.post(self._async._request_stop)

    def subscribe(
        self,
        callback: Callable[[E], Any],
        event_types: type[E] | Iterable[type[E]] | None = None,
        *,
        one_shot: bool = False,
    ) -> Subscription:
        """Have `callback` called, in a thread, with each event of the given types or their subclasses; `None` is all.

        :param one_shot: unsubscribe after the first event
        :return: something to unsubscribe with, also as a context manager
        """
        return self._async.subscribe(callback, event_types, one_shot=one_shot, is_async=False)

    def get_next_event(self, event_types: type[E] | Iterable[type[E]]) -> E:
        """Wait for the next event of the given types, and return it."""
        event: E = self._open().call(self._async.get_next_event, event_types)
        return event

    def _open(self) -> PortalThread:
        """Start the thread and the services, if that has not been done."""
        with self._lock:
            if self._thread is None:
                options = self._async.clock.backend_options("asyncio")
                self._thread = PortalThread(self._async, options)
                atexit.register(self._close)
            if not self._thread.is_here:
                raise RuntimeError(
                    "the scheduler was started before this process was forked; make one after the fork"
                )
            return self._thread

    def _close(self) -> None:
        with self._lock:
            thread = self._thread
            if thread is None or self._closing or not thread.is_here:
                return
            self._closing = True  # whoever uses it meanwhile must not start it anew
        atexit.unregister(self._close)
        try:
            if not thread.close(self._async.shutdown_timeout.total_seconds() + CLOSE_SECONDS):
                self.logger.error(
                    "the scheduler's thread does not end: something blocks its event loop",
                    extra={"event": "scheduler.stuck", "identity": self.identity},
                )
        finally:
            with self._lock:
                self._thread, self._closing = None, False

    @contextmanager
    def _stopping_on_signals(self, thread: PortalThread) -> Iterator[None]:
        left = ORDERLY_SIGNALS

        def react(_number: int, _frame: object) -> None:
            nonlocal left
            left -= 1
            if not left:
                end_at_next(signals)
            thread.post(self._async._stop_or_hurry)

        signals = {number: signal.signal(number, react) for number in unclaimed_signals()}
        try:
            yield
        finally:
            for number, handler in signals.items():
                signal.signal(number, handler)
