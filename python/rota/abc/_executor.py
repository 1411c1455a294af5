"""The interface of job executors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from rota.abc._accepts import accepts

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from rota.abc._clock import Clock
    from rota.model import Job


class JobExecutor(ABC):
    """Runs the callables of jobs: on the event loop, in threads, in processes, elsewhere.

    An executor that was written for APScheduler 4, whose `start` takes no clock, can be used, too.
    """

    #: how many jobs it runs at once; further ones wait before they start, and their timeouts begin when they do.
    #: `None` for any number
    max_workers: int | None = None

    async def start(self, exit_stack: AsyncExitStack, clock: Clock) -> None:  # noqa: B027 - nothing to start is usual
        """Acquire what the executor needs; release it through `exit_stack`."""

    @abstractmethod
    async def run_job(self, func: Callable[..., Any], job: Job) -> Any:
        """Call `func` with the arguments of `job` and return what it returns.

        Whatever `func` raises is raised here. When cancelled, stop the work if that is possible.
        """


async def start_executor(executor: JobExecutor, exit_stack: AsyncExitStack, clock: Clock) -> None:
    """Start an executor, with the clock if it takes one."""
    if accepts(executor.start, exit_stack, clock):
        await executor.start(exit_stack, clock)
    else:
        await executor.start(exit_stack)  # type: ignore[call-arg]
