"""Runs jobs on the event loop."""

from __future__ import annotations

from inspect import isawaitable
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from rota.abc import JobExecutor

if TYPE_CHECKING:
    from collections.abc import Callable

    from rota.model import Job

__all__ = ["AsyncJobExecutor"]


class AsyncJobExecutor(JobExecutor):
    """Calls coroutine functions, and plain functions that never block, on the scheduler's event loop."""

    async def run_job(self, func: Callable[..., Any], job: Job) -> Any:
        """Call `func` and, if it returns an awaitable, await it."""
        value = func(*job.args, **job.kwargs)
        if type(value) is CoroutineType or (value is not None and isawaitable(value)):
            return await value
        return value
