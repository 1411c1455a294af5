"""The data store's clock, as known from its last answer and the monotonic clock."""

from __future__ import annotations

from datetime import datetime, timedelta

__all__ = ["StoreTime"]


class StoreTime:
    """Tells the time by the data store's clock without asking it again."""

    def __init__(self) -> None:
        self._at: datetime | None = None
        self._since = 0.0

    def set(self, at: datetime, monotonic: float) -> None:
        """Note what the data store said, and the reading of the monotonic clock at that moment."""
        self._at = at
        self._since = monotonic

    def at(self, monotonic: float) -> datetime:
        """Return the store's time at a reading of the monotonic clock."""
        assert self._at is not None, "nothing is timed before something was claimed"
        return self._at + timedelta(0, monotonic - self._since)
