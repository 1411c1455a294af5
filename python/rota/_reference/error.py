"""The errors of the trigger core."""

from __future__ import annotations

__all__ = ["IterationLimitReached"]


class IterationLimitReached(Exception):  # noqa: N818 - it is a limit, which may be lifted
    """The children of an `all_of` plan did not meet within the iterations that one call may take."""
