"""The errors of the trigger core."""

from __future__ import annotations

__all__ = ["IterationLimitReached"]


class IterationLimitReached(Exception):
    """The children of an `all_of` plan did not meet within the iterations that one call may take."""
