"""A series of fire times: what every kind of plan is made of.

A *state* is a position in a series: None before its first fire time, else what the series itself returned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeAlias

from rota._reference.instant import MAX_MICROS, MIN_MICROS

if TYPE_CHECKING:
    from rota._reference.steps import Steps
    from rota._reference.zone import Zone

__all__ = ["Fire", "Series", "SimpleSeries", "SingleZoneSeries", "State"]

State: TypeAlias = "int | list[State] | None"


#: A fire time, the zone to stamp it with, and the state after it.
Fire: TypeAlias = "tuple[int, Zone, State]"


class Series(ABC):
    """Strictly ascending instants.

    `steps` are those that the search may take: None where a search begins.
    """

    __slots__ = ()

    @abstractmethod
    def advance(
        self, state: State, before: int = MAX_MICROS + 1, steps: Steps | None = None
    ) -> Fire | None:
        """Return the fire time that follows `state`, if it is earlier than `before`."""

    def leap(
        self, state: State, target: int, before: int = MAX_MICROS + 1, steps: Steps | None = None
    ) -> Fire | None:
        """Return the first fire time that follows `state` and is `target` or later, if it is earlier than `before`."""
        return self.advance(self.skip(state, target, steps), before, steps)

    @abstractmethod
    def skip(self, state: State, target: int, steps: Steps | None = None) -> State:
        """Return the state after the last fire time that is earlier than `target`: `state` if none follows it."""

    @abstractmethod
    def last_of(self, state: State) -> int | None:
        """Return the fire time that left the series in `state`."""

    @abstractmethod
    def zone_of(self, state: State) -> Zone:
        """Return the zone to stamp the fire time with that left the series in `state`, which is not None."""

    @abstractmethod
    def check(self, state: object) -> State:
        """Return `state` if it is a position in this series. Raise ValueError if it is not."""

    @abstractmethod
    def position(self, after: int) -> State:
        """Return the state of a series that starts later than `after`."""

    def first_after(self, after: int) -> int | None:
        """Return the first fire time of a series that starts later than `after`."""
        fire = self.advance(self.position(after))
        return None if fire is None else fire[0]

    def last_at_or_before(self, at: int) -> int | None:
        """Return the last fire time that is `at` or earlier."""
        return self.last_of(self.skip(None, at + 1))


class SimpleSeries(Series):
    """A series whose state is the last fire time: what follows depends on nothing else."""

    __slots__ = ()

    @abstractmethod
    def fire_after(self, after: int) -> tuple[int, Zone] | None:
        """Return the first fire time later than `after`, and the zone to stamp it with."""

    def advance(
        self, state: State, before: int = MAX_MICROS + 1, steps: Steps | None = None
    ) -> Fire | None:
        assert not isinstance(state, list)
        fire = self.fire_after(MIN_MICROS - 1 if state is None else state)
        return None if fire is None or fire[0] >= before else (*fire, fire[0])

    def leap(
        self, state: State, target: int, before: int = MAX_MICROS + 1, steps: Steps | None = None
    ) -> Fire | None:
        assert not isinstance(state, list)
        return self.advance(target - 1 if state is None else max(state, target - 1), before)

    def skip(self, state: State, target: int, steps: Steps | None = None) -> State:
        assert not isinstance(state, list)
        last = self.last_at_or_before(target - 1)
        if last is None or (state is not None and last <= state):
            return state
        return last

    def last_of(self, state: State) -> int | None:
        assert not isinstance(state, list)
        return state

    def zone_of(self, state: State) -> Zone:
        assert isinstance(state, int)
        fire = self.fire_after(state - 1)
        assert fire is not None
        return fire[1]

    def position(self, after: int) -> State:
        return after

    @abstractmethod
    def first_after(self, after: int) -> int | None:
        """Return the first fire time later than `after`."""

    @abstractmethod
    def last_at_or_before(self, at: int) -> int | None:
        """Return the last fire time that is `at` or earlier."""

    def check(self, state: object) -> State:
        if state is None:
            return None
        if (
            isinstance(state, int)
            and not isinstance(state, bool)
            and MIN_MICROS <= state <= MAX_MICROS
        ):
            return state
        raise ValueError(
            f"state must be None or an instant of the years 1 to 9999, got: {state!r:.80}"
        )


class SingleZoneSeries(SimpleSeries):
    """A simple series whose fire times are all stamped with one zone."""

    __slots__ = ("end", "period", "zone")

    def __init__(self, zone: Zone, end: int | None, period: int | None = None) -> None:
        self.zone = zone
        #: No fire time is later.
        self.end = zone.last if end is None else min(end, zone.last)
        #: How far apart fire times are within a span of constant offset, if they are equally far.
        self.period = period

    def fire_after(self, after: int) -> tuple[int, Zone] | None:
        at = self.first_after(after)
        return None if at is None else (at, self.zone)

    def advance(
        self, state: State, before: int = MAX_MICROS + 1, steps: Steps | None = None
    ) -> Fire | None:
        at = self.first_after(MIN_MICROS - 1 if state is None else state)  # type: ignore[arg-type]  # never a list
        return None if at is None or at >= before else (at, self.zone, at)

    def zone_of(self, state: State) -> Zone:
        return self.zone
