"""That an executor serves one scheduler at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

__all__ = ["Use"]


class Use:
    """Whether an executor has been started, and not been stopped."""

    def __init__(self) -> None:
        self._began = False

    def begin(self, exit_stack: AsyncExitStack) -> None:
        """Note that it is in use until `exit_stack` ends.

        :raises RuntimeError: if it is already
        """
        if self._began:
            raise RuntimeError(
                "this executor is already in use by a scheduler; give each scheduler one of its own"
            )
        self._began = True
        exit_stack.callback(self._end)

    def _end(self) -> None:
        self._began = False
