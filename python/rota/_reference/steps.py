"""How long one search may take."""

from __future__ import annotations

from rota._reference.error import IterationLimitReached

__all__ = ["MAX_STEPS", "Steps"]

#: How many steps the meetings that are nested in one another may take together, beside those of the outermost.
MAX_STEPS = 1_000_000


class Steps:
    """The steps that are left to one search.

    Each meeting bounds its own iterations, but those that are nested in it multiply them: all draw on the steps of the
    outermost, which makes them.
    """

    __slots__ = ("_left", "_limit")

    def __init__(self, max_iterations: int) -> None:
        self._limit = self._left = MAX_STEPS + max_iterations

    def take(self) -> None:
        """Take one step. Raise IterationLimitReached if none is left."""
        if not self._left:
            raise IterationLimitReached(
                f"no common fire time within the steps of all nested triggers, got: {self._limit}"
            )
        self._left -= 1
