"""Intervals of real time, and single instants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota._reference.series import SingleZoneSeries

if TYPE_CHECKING:
    from rota._reference.zone import Zone

__all__ = ["DateSeries", "IntervalSeries"]


class DateSeries(SingleZoneSeries):
    """One instant."""

    __slots__ = ("_at",)

    def __init__(self, zone: Zone, at: int) -> None:
        super().__init__(zone, at)
        self._at = at

    def first_after(self, after: int) -> int | None:
        return self._at if after < self._at and self.zone.first <= self._at <= self.end else None

    def last_at_or_before(self, at: int) -> int | None:
        return self._at if at >= self._at and self.zone.first <= self._at <= self.end else None


class IntervalSeries(SingleZoneSeries):
    """A start, and every multiple of a step after it."""

    __slots__ = ("_start", "_step")

    def __init__(self, zone: Zone, start: int, step: int, end: int | None) -> None:
        if step <= 0:
            raise ValueError(f"step must be positive, got: {step}")
        super().__init__(zone, end, step)
        # The first of them whose wall time is within the years 1 to 9999.
        self._start = start + max(0, -(-(zone.first - start) // step)) * step
        self._step = step

    def first_after(self, after: int) -> int | None:
        start = self._start
        at = after + self._step - (after - start) % self._step if after >= start else start
        return at if at <= self.end else None

    def last_at_or_before(self, at: int) -> int | None:
        at = min(at, self.end)
        return at - (at - self._start) % self._step if at >= self._start else None
