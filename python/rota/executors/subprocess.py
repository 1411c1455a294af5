"""Runs jobs in processes of their own."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import anyio
from anyio import BrokenWorkerProcess

from rota.abc import JobExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AsyncExitStack

    from rota.abc import Clock
    from rota.model import Job

__all__ = ["ProcessPoolJobExecutor"]

PARENT_SECONDS = (
    0.5  #: how often a worker process looks whether the one that started it is still there
)
MAX_TEXT = 4_096  #: characters of the text of an exception that cannot be pickled


class ProcessPoolJobExecutor(JobExecutor):
    """Calls plain functions in worker processes, which are kept and used again.

    The callable must be importable by its module and name; arguments, return value and exception are pickled.
    A job that is cancelled or times out has its process killed. A process that dies takes only its own job with
    it. SIGINT and SIGTERM, which a terminal and systemd send to all processes of a program, leave it to the scheduler
    what becomes of the job; where that is killed, the process ends itself within a second. The context variables of
    rota have no value in there.

    :param max_workers: how many processes may run at once; by default as many as there are processors
    """

    max_workers: int

    def __init__(self, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"max_workers must be at least 1, got: {max_workers}")
        self.max_workers = max_workers or os.cpu_count() or 1

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_workers={self.max_workers})"

    async def start(self, exit_stack: AsyncExitStack, clock: Clock) -> None:
        """Prepare the processes; they are started as they are needed."""
        self._clock = clock
        self._limiter = anyio.CapacityLimiter(self.max_workers)

    async def run_job(self, func: Callable[..., Any], job: Job) -> Any:
        """Call `func` in a process. When cancelled, kill that process."""
        from anyio import (
            to_process,
        )  # it takes a while to import, and few programs run jobs in processes

        try:
            with self._clock.busy():
                value, error = await to_process.run_sync(
                    _call, func, job.args, job.kwargs, cancellable=True, limiter=self._limiter
                )
        except BrokenWorkerProcess as exc:
            raise RuntimeError(
                "the process that ran the job died (killed, out of memory, or it crashed)"
            ) from exc
        if error is not None:
            raise error
        return value


_settled = False


def _settle() -> None:
    """Prepare a worker process: only the one that started it ends it, by its command or by its own end."""
    global _settled
    if _settled:
        return
    _settled = True
    for number in (signal.SIGINT, signal.SIGTERM):
        # Unlike SIG_IGN, a function is not passed on to the programs that the job may start.
        signal.signal(number, _leave_it)
    if sys.platform != "win32":
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _leave_it(_number: int, _frame: object) -> None:
    pass


def _end_with(parent: int) -> None:
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(PARENT_SECONDS)
    os._exit(1)


def _call(
    func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Any, BaseException | None]:
    """Run in the worker process: return the value or the exception, whichever class that is.

    AnyIO uses standard output for its own purpose, so what the job prints goes to standard error.
    """
    _settle()
    try:
        with redirect_stdout(sys.__stderr__):
            return func(*args, **kwargs), None
    except BaseException as exc:  # noqa: BLE001 - SystemExit must not end the worker process
        return None, _picklable(exc)


def _picklable(exc: BaseException) -> BaseException:
    try:
        pickle.loads(pickle.dumps(exc))
    except Exception:  # noqa: BLE001 - a user's class may raise anything here
        return RuntimeError(f"{type(exc).__qualname__}: {_text(exc)}")
    return exc


def _text(exc: BaseException) -> str:
    try:
        return str(exc)[:MAX_TEXT]
    except Exception as unreadable:  # noqa: BLE001 - neither can be had its text
        return f"<its text cannot be had: {type(unreadable).__name__}>"
