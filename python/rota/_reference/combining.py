"""Unions of series, and what they have in common with meetings."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from rota._reference.instant import MAX_MICROS, MIN_MICROS
from rota._reference.series import Series, SimpleSeries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rota._reference.series import Fire, State
    from rota._reference.steps import Steps
    from rota._reference.zone import Zone

__all__ = ["Combination", "MixedUnion", "SimpleUnion", "any_of"]

_NEVER = MAX_MICROS + 1


def any_of(children: Sequence[Series]) -> Series:
    """Return the union of `children`: equal fire times once, stamped by the first child that gives them."""
    if not children:
        raise ValueError("any_of must have at least one plan, got: 0")
    simple = [child for child in children if isinstance(child, SimpleSeries)]
    return SimpleUnion(simple) if len(simple) == len(children) else MixedUnion(children)


class SimpleUnion(SimpleSeries):
    """The union of simple series."""

    __slots__ = ("_children",)

    def __init__(self, children: Sequence[SimpleSeries]) -> None:
        self._children = tuple(children)

    def fire_after(self, after: int) -> tuple[int, Zone] | None:
        earliest = None
        for child in self._children:
            fire = child.fire_after(after)
            if fire is not None and (earliest is None or fire[0] < earliest[0]):
                earliest = fire
        return earliest

    def first_after(self, after: int) -> int | None:
        fire = self.fire_after(after)
        return None if fire is None else fire[0]

    def last_at_or_before(self, at: int) -> int | None:
        return _latest(child.last_at_or_before(at) for child in self._children)


class Combination(Series):
    """A series whose state is made of the states of its children."""

    __slots__ = ("_children",)

    def __init__(self, children: Sequence[Series]) -> None:
        self._children = tuple(children)

    def zone_of(self, state: State) -> Zone:
        pairs = list(zip(self._children, self._states(state), strict=True))
        lasts = [child.last_of(each) for child, each in pairs]
        child, each = pairs[lasts.index(self.last_of(state))]
        return child.zone_of(each)

    @abstractmethod
    def _states(self, state: State) -> list[State]:
        """Return the states of the children."""


class MixedUnion(Combination):
    """The union of series that are not all simple.

    Its state is the last fire time and the states of the children before the fire times that they have pending.
    """

    __slots__ = ()

    def advance(
        self, state: State, before: int = _NEVER, steps: Steps | None = None
    ) -> Fire | None:
        states = self._states(state)
        fires = [
            child.advance(old, before, steps)
            for child, old in zip(self._children, states, strict=True)
        ]
        earliest = None
        for fire in fires:
            if fire is not None and (earliest is None or fire[0] < earliest[0]):
                earliest = fire
        if earliest is None:
            return None
        at, zone, _ = earliest
        states = [
            fire[2] if fire is not None and fire[0] == at else old
            for fire, old in zip(fires, states, strict=True)
        ]
        return at, zone, [at, states]

    def skip(self, state: State, target: int, steps: Steps | None = None) -> State:
        old_states = self._states(state)
        states = [
            child.skip(old, target, steps)
            for child, old in zip(self._children, old_states, strict=True)
        ]
        if states == old_states:
            return state
        last = _latest(
            child.last_of(new) for child, new in zip(self._children, states, strict=True)
        )
        return [last, states]

    def last_of(self, state: State) -> int | None:
        if state is None:
            return None
        assert isinstance(state, list)
        assert isinstance(state[0], int)
        return state[0]

    def check(self, state: object) -> State:
        if state is None:
            return None
        match state:
            case [int() as last, list() as states] if len(states) == len(self._children):
                if MIN_MICROS <= last <= MAX_MICROS and not isinstance(last, bool):
                    return [
                        last,
                        [
                            child.check(each)
                            for child, each in zip(self._children, states, strict=True)
                        ],
                    ]
        raise ValueError(
            f"state must be None or an instant and {len(self._children)} states, got: {state!r:.80}"
        )

    def position(self, after: int) -> State:
        return [after, [child.position(after) for child in self._children]]

    def _states(self, state: State) -> list[State]:
        if state is None:
            return [None] * len(self._children)
        assert isinstance(state, list)
        assert isinstance(state[1], list)
        return state[1]


def _latest(times: Iterable[int | None]) -> int | None:
    return max((time for time in times if time is not None), default=None)
