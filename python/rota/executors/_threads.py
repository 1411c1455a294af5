"""A pool of threads that the event loop hands calls to."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import anyio
from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["ThreadPool"]


@define(eq=False)
class _Call:
    func: Callable[..., Any]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    context: Context = field(factory=copy_context)
    done: anyio.Event = field(factory=anyio.Event)
    running: bool = False
    abandoned: bool = False
    value: Any = None
    error: BaseException | None = None

    def run(self) -> None:
        process = os.getpid()
        try:
            self.value = self.context.run(self.func, *self.args, **self.kwargs)
        except BaseException as exc:  # noqa: BLE001 - it is raised again where the call is awaited
            self.error = exc
        if os.getpid() != process:  # it forked, and nobody in the child waits for how it ends
            os._exit(0)


class ThreadPool:
    """Up to `limit` daemon threads, started as they are needed.

    They are daemons because a job that never returns must not keep the process from ending.
    Calls that end at about the same time are reported to the event loop together.
    """

    def __init__(self, limit: int, post: Callable[[Callable[[], object]], None]) -> None:
        self._limit = limit
        self._post = post
        self._lock = threading.Lock()
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._waiting = 0  # calls that no thread has taken yet
        self._threads = 0
        self._idle = 0
        self._lost = 0  # threads that run a call which nobody waits for any more
        self._finished: deque[_Call] = deque()
        self._posted = False
        self._closed = False

    async def run(
        self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Call `func` in a thread, in a copy of the current context. When cancelled, leave it behind."""
        call = _Call(func, args, kwargs)
        self._submit(call)
        try:
            await call.done.wait()
        except BaseException:
            self._abandon(call)
            raise
        if call.error is None:
            return call.value
        try:
            raise call.error
        finally:
            del call  # the traceback refers to this frame

    def close(self) -> None:
        """Let the idle threads end, and the others after what they do now."""
        with self._lock:
            self._closed = True
            for _ in range(self._threads):
                self._calls.put(None)

    def _submit(self, call: _Call) -> None:
        with self._lock:
            self._waiting += 1
            self._calls.put(call)
            self._start_thread_if_needed()

    def _start_thread_if_needed(self) -> None:
        if self._waiting > self._idle and self._threads - self._lost < self._limit:
            self._threads += 1
            name = f"rota job thread {self._threads}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()

    def _abandon(self, call: _Call) -> None:
        with self._lock:
            call.abandoned = True
            if call.running:
                self._lost += 1
                self._start_thread_if_needed()

    def _serve(self) -> None:
        while (call := self._take()) is not None:
            if not call.abandoned:
                call.run()
                self._report(call)
            del call  # what it refers to must not stay alive until the next call comes

    def _take(self) -> _Call | None:
        with self._lock:
            if (
                self._threads - self._lost > self._limit
            ):  # a thread that had been left behind is back
                self._threads -= 1
                return None
            self._idle += 1
        call = self._calls.get()
        with self._lock:
            self._idle -= 1
            if call is None:
                self._threads -= 1
                return None
            self._waiting -= 1
            call.running = not call.abandoned
        return call

    def _report(self, call: _Call) -> None:
        with self._lock:
            call.running = False
            if call.abandoned:
                self._lost -= 1
                return
            self._finished.append(call)
            first, self._posted = not self._posted, True
        if first:
            self._post(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            self._posted = False
            finished, self._finished = self._finished, deque()
        for call in finished:
            call.done.set()
