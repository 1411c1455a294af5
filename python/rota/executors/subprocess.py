"""Runs jobs in processes of their own."""

from __future__ import annotations

import io
import os
import pickle
from collections import deque
from typing import TYPE_CHECKING, Any

import anyio

from rota.abc import JobExecutor
from rota.executors._use import Use

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from rota.abc import Clock
    from rota.executors._process import WorkerProcess
    from rota.model import Job

__all__ = ["ProcessPoolJobExecutor"]

IDLE_SECONDS = 300.0  #: how long a process that has nothing to do is kept


class _Unpickler(pickle.Unpickler):
    """Finds the classes of the main module, which has another name in worker processes."""

    def find_class(self, module: str, name: str) -> Any:
        return super().find_class("__main__" if module == "__mp_main__" else module, name)


class ProcessPoolJobExecutor(JobExecutor):
    """Calls plain functions in worker processes, which are kept and used again.

    The callable must be importable by its module and name; arguments, return value and exception are pickled. If it
    is of the script that was started, that is run again in the process, as by `multiprocessing`, so its start must be
    guarded by `if __name__ == "__main__":`.

    A job that is cancelled or times out has its process killed, with all that it has started. A process that dies
    takes only its own job with it. SIGINT and SIGTERM, which a terminal and systemd send to all processes of a program,
    leave it to the scheduler what becomes of the job; where that is killed, the process ends itself within a second.
    Jobs read nothing from standard input, and what they print goes to standard error. The context variables of rota
    have no value in there.

    :param max_workers: how many processes may run at once; by default as many as there are processors
    """

    max_workers: int

    def __init__(self, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"max_workers must be at least 1, got: {max_workers}")
        self.max_workers = max_workers or os.cpu_count() or 1
        self._use = Use()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_workers={self.max_workers})"

    async def start(self, exit_stack: AsyncExitStack, clock: Clock) -> None:
        """Prepare the processes; they are started as they are needed.

        :raises RuntimeError: if a scheduler uses it already
        """
        self._use.begin(exit_stack)
        self._clock = clock
        self._limiter = anyio.CapacityLimiter(self.max_workers)
        self._idle: deque[tuple[WorkerProcess, float]] = deque()
        exit_stack.push_async_callback(self._end, self._idle)

    async def run_job(self, func: Callable[..., Any], job: Job) -> Any:
        """Call `func` in a process. When cancelled, kill that process."""
        request = pickle.dumps((func, job.args, job.kwargs), pickle.HIGHEST_PROTOCOL)
        async with self._limiter:
            with self._clock.busy():
                answer = await self._ask(request)
        value, error = _Unpickler(io.BytesIO(answer)).load()
        if error is not None:
            raise error
        return value

    async def _ask(self, request: bytes) -> bytes:
        # Few programs run jobs in processes.
        from rota.executors._process import DIED

        worker = await self._worker()
        try:
            answer = await worker.call(request)
        except BaseException as exc:
            await worker.kill()
            if isinstance(exc, DIED):
                raise RuntimeError(
                    "the process that ran the job died (killed, out of memory, or it crashed)"
                ) from exc
            raise
        self._idle.append((worker, self._clock.monotonic()))
        return answer

    async def _worker(self) -> WorkerProcess:
        """Return the process that was used last, or a new one; end those that have had nothing to do for long."""
        from rota.executors._process import WorkerProcess

        now = self._clock.monotonic()
        while self._idle and now - self._idle[0][1] > IDLE_SECONDS:
            await self._idle.popleft()[0].kill()
        while self._idle:
            worker, _ = self._idle.pop()
            if worker.lives:
                return worker
            await worker.kill()
        return await WorkerProcess.start()

    async def _end(self, idle: deque[tuple[WorkerProcess, float]]) -> None:
        while idle:
            await idle.popleft()[0].kill()
