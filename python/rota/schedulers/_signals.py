"""Stopping in order when the process is told to end."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import create_task_group, open_signal_receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from anyio.abc import TaskStatus

__all__ = ["stopping_on_signals", "unclaimed_signals"]


def unclaimed_signals() -> list[signal.Signals]:
    """Return those of SIGTERM and SIGINT that nobody in this process handles, if this is its main thread."""
    if threading.current_thread() is not threading.main_thread():
        return []
    signals = []
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signals.append(signal.SIGTERM)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signals.append(signal.SIGINT)
    return signals


@asynccontextmanager
async def stopping_on_signals(react: Callable[[], object]) -> AsyncIterator[None]:
    """Call `react` at each of the unclaimed signals, while the block runs."""
    signals = unclaimed_signals()
    if not signals or sys.platform == "win32":  # where an event loop cannot listen to signals
        yield
        return

    async def listen(*, task_status: TaskStatus[None]) -> None:
        with open_signal_receiver(*signals) as received:
            task_status.started()
            async for _ in received:
                react()

    async with create_task_group() as group:
        await group.start(listen)
        yield
        group.cancel_scope.cancel()
