"""Runs jobs in threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rota._posting import poster
from rota.abc import JobExecutor
from rota.executors._coroutines import no_coroutine
from rota.executors._threads import ThreadPool
from rota.executors._use import Use

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from rota.abc import Clock
    from rota.model import Job

__all__ = ["ThreadPoolJobExecutor"]


class ThreadPoolJobExecutor(JobExecutor):
    """Calls plain functions in threads, each with a copy of the job's context.

    A thread cannot be stopped from outside: a job that is cancelled or times out is left behind, and a new
    thread takes the place of its thread until it returns. Neither stopping the scheduler nor the end of the
    process waits for a job that was left behind.

    :param max_workers: how many jobs may run at once; further ones wait
    """

    max_workers: int

    def __init__(self, max_workers: int = 40) -> None:
        if max_workers < 1:
            raise ValueError(f"max_workers must be at least 1, got: {max_workers}")
        self.max_workers = max_workers
        self._use = Use()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_workers={self.max_workers})"

    async def start(self, exit_stack: AsyncExitStack, clock: Clock) -> None:
        """Prepare the threads; they are started as they are needed.

        :raises RuntimeError: if a scheduler uses it already
        """
        self._use.begin(exit_stack)
        self._clock = clock
        self._pool = ThreadPool(self.max_workers, poster())
        exit_stack.callback(self._pool.close)

    async def run_job(self, func: Callable[..., Any], job: Job) -> Any:
        """Call `func` in a thread. When cancelled, leave it behind."""
        with self._clock.busy():
            return no_coroutine(await self._pool.run(func, job.args, job.kwargs), job.task_id)
