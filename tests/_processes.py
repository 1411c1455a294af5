"""Real processes and real time, for tests of what is outside this process. All others take a virtual clock."""

from __future__ import annotations

import ctypes
import signal
import sys
from time import monotonic, sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_INTERVAL_SECONDS = 0.02


def die_with_parent() -> None:
    """Have the new process killed when the thread that started it ends; for `preexec_fn`. Linux only."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def pause(seconds: float) -> None:
    """Let real time pass."""
    sleep(seconds)


def wait_until(
    condition: Callable[[], object], *, seconds: float, what: Callable[[], str] = str
) -> None:
    """Wait until `condition` holds.

    :param what: what to say if it does not come true
    :raises TimeoutError: if it does not hold after `seconds`
    """
    deadline = monotonic() + seconds
    while not condition():
        if monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what()}")
        sleep(_INTERVAL_SECONDS)
