"""Stopping in order when the process is told to end."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import create_task_group, open_signal_receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from anyio.abc import TaskStatus

__all__ = ["ORDERLY_SIGNALS", "end_at_next", "stopping_on_signals", "unclaimed_signals"]

ORDERLY_SIGNALS = 2  #: the first has the scheduler stop, the second has it wait no longer for jobs


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
    """Call `react` at the first two of the unclaimed signals, while the block runs; a third ends the process."""
    signals = unclaimed_signals()
    if not signals or sys.platform == "win32":  # where an event loop cannot listen to signals
        yield
        return

    async def listen(*, task_status: TaskStatus[None]) -> None:
        with open_signal_receiver(*signals) as received:
            task_status.started()
            for _ in range(ORDERLY_SIGNALS):
                await received.__anext__()
                react()
        end_at_next(signals)

    before = {number: signal.getsignal(number) for number in signals}
    try:
        async with create_task_group() as group:
            await group.start(listen)
            yield
            group.cancel_scope.cancel()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_at_next(signals: Iterable[signal.Signals]) -> None:
    """Have the next of these signals end the process at once, as a job may not heed that it is cancelled."""
    for number in signals:
        signal.signal(number, signal.SIG_DFL)
