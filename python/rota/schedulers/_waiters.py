"""Those who wait for what can only come while the scheduler is open."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from anyio import CancelScope

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Waiters"]


class Waiters:
    """Sends away, when the scheduler closes, those who would wait for ever."""

    def __init__(self) -> None:
        self._scopes: set[CancelScope] = set()

    @contextmanager
    def waiting_for(self, what: str) -> Iterator[None]:
        """Wait in a block.

        :raises RuntimeError: if the scheduler is closed meanwhile
        """
        with CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)
        if scope.cancelled_caught:
            raise RuntimeError(f"the scheduler was closed while {what} was waited for")

    def dismiss(self) -> None:
        """End all waiting."""
        for scope in self._scopes:
            scope.cancel()
