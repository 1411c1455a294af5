"""An event loop in a thread of its own, in which a scheduler lives and into which other threads call."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, wait
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from rota._posting import poster

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

__all__ = ["PortalThread"]

R = TypeVar("R")

SIGNAL_LATENCY_SECONDS = 0.5


class PortalThread:
    """Enters an asynchronous context manager in a new event loop in a new daemon thread, and leaves it in the end.

    The thread is a daemon, and its end is waited for with a limit: what blocks the event loop must not
    keep the process from ending.
    """

    def __init__(
        self, context: AbstractAsyncContextManager[object], backend_options: dict[str, Any]
    ) -> None:
        self._context = context
        self._process = os.getpid()
        self._ready: Future[tuple[BlockingPortal, Callable[[Callable[[], object]], None]]] = (
            Future()
        )
        self._failure: BaseException | None = None
        self._stop: anyio.Event | None = None
        self._thread = threading.Thread(
            target=self._main, args=(backend_options,), name="rota scheduler", daemon=True
        )
        self._thread.start()
        self._portal, self.post = self._ready.result()

    @property
    def is_here(self) -> bool:
        """Whether the thread is one of this process; no thread survives a fork."""
        return os.getpid() == self._process

    def call(self, func: Callable[..., Coroutine[Any, Any, R]], /, *args: Any, **kwargs: Any) -> R:
        """Run a coroutine function in the event loop; return what it returns, raise what it raises."""
        future: Future[R] = self._portal.start_task_soon(partial(func, *args, **kwargs))
        return future.result()

    def call_attentively(
        self, func: Callable[..., Coroutine[Any, Any, R]], /, *args: Any, **kwargs: Any
    ) -> R:
        """Do what `call` does, looking now and then whether a signal has come.

        A signal that arrives just before a thread begins to wait does not wake it.
        """
        future: Future[R] = self._portal.start_task_soon(partial(func, *args, **kwargs))
        while not wait([future], SIGNAL_LATENCY_SECONDS).done:
            pass
        return future.result()

    def close(self, timeout_seconds: float) -> bool:
        """Leave the context and end the thread; return whether it did in time.

        :raises BaseException: what leaving the context raised
        """
        assert self._stop is not None, "the thread is ready"
        self.post(self._stop.set)
        self._thread.join(timeout_seconds)
        if self._failure is not None:
            raise self._failure
        return not self._thread.is_alive()

    def _main(self, backend_options: dict[str, Any]) -> None:
        try:
            anyio.run(self._serve, backend_options=backend_options)
        except BaseException as exc:  # noqa: BLE001 - it is raised in the thread that waits for it
            if self._ready.done():
                self._failure = exc
            else:
                self._ready.set_exception(exc)

    async def _serve(self) -> None:
        self._stop = anyio.Event()
        failure: Exception | None = None
        async with BlockingPortal() as portal:
            try:
                async with self._context:
                    self._ready.set_result((portal, poster()))
                    await self._stop.wait()
            except Exception as exc:  # noqa: BLE001 - raised below, where no task group wraps it
                failure = exc
        if failure is not None:
            raise failure
