"""The interface through which rota reads time and waits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime


class Clock(ABC):
    """Wall time, monotonic time and waiting, replaceable in tests."""

    @abstractmethod
    def now(self) -> datetime:
        """Return the current wall time, aware, in UTC, to the microsecond."""

    @abstractmethod
    def monotonic(self) -> float:
        """Return seconds that never go back; only differences have a meaning."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Suspend the calling task for `seconds`; zero or less only yields."""

    def busy(self) -> AbstractContextManager[object]:
        """Mark work that happens outside of the event loop (a thread, a process).

        A virtual clock does not move while such work is going on. The system's clock ignores it.
        """
        return nullcontext()

    def backend_options(self, backend: str) -> dict[str, Any]:
        """Return the options for AnyIO under which an event loop of the given backend keeps this clock's time.

        Empty for a clock that follows real time. Background event loops are started with them.
        """
        return {}
