"""Unions and meetings of series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota._reference.error import IterationLimitReached
from rota._reference.instant import MAX_MICROS, MIN_MICROS
from rota._reference.series import Series, SimpleSeries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rota._reference.series import Fire, State
    from rota._reference.zone import Zone

__all__ = ["MAX_WALK", "AllOfSeries", "MixedUnion", "SimpleUnion", "any_of"]

_NEVER = MAX_MICROS + 1
#: How far back, in fire times of each child, `AllOfSeries.skip` looks for a time from which it can start afresh.
_RENEWAL_TRIES = 64
#: How many meetings `AllOfSeries.skip` walks over before it starts afresh halfway.
MAX_WALK = 4096


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


class MixedUnion(Series):
    """The union of series that are not all simple.

    Its state is the last fire time and the states of the children before the fire times that they have pending.
    """

    __slots__ = ("_children",)

    def __init__(self, children: Sequence[Series]) -> None:
        self._children = tuple(children)

    def advance(self, state: State, before: int = _NEVER) -> Fire | None:
        states = self._states(state)
        fires = [
            child.advance(old, before) for child, old in zip(self._children, states, strict=True)
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

    def skip(self, state: State, target: int) -> State:
        old_states = self._states(state)
        states = [
            child.skip(old, target) for child, old in zip(self._children, old_states, strict=True)
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

    def zone_of(self, state: State) -> Zone:
        pairs = list(zip(self._children, self._states(state), strict=True))
        lasts = [child.last_of(each) for child, each in pairs]
        child, each = pairs[lasts.index(self.last_of(state))]
        return child.zone_of(each)

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


class AllOfSeries(Series):
    """The meetings of its children: fire times, one of each child, at most `threshold` apart.

    Its state is the states of the children after a meeting. A child that is earlier than the latest of the pending
    fire times by more than the threshold can only meet it later, so it moves on: step by step as the user guide
    describes it, or at once as here, the next meeting is the same.
    """

    __slots__ = ("_children", "_max_iterations", "_threshold")

    def __init__(self, children: Sequence[Series], threshold: int, max_iterations: int) -> None:
        if not children:
            raise ValueError("all_of must have at least one plan, got: 0")
        if threshold < 0:
            raise ValueError(f"threshold must not be negative, got: {threshold}")
        if max_iterations < 1:
            raise ValueError(f"max_iterations must be positive, got: {max_iterations}")
        self._children = tuple(children)
        self._threshold = threshold
        self._max_iterations = max_iterations

    def advance(self, state: State, before: int = _NEVER) -> Fire | None:
        end = before + self._threshold
        fires: list[Fire] = []
        for child, old in zip(self._children, self._states(state), strict=True):
            fire = child.advance(old, end)
            if fire is None:
                return None
            fires.append(fire)
        iterations = 0
        while True:
            times = [fire[0] for fire in fires]
            earliest, reach = min(times), max(times) - self._threshold
            if earliest >= before or reach >= before:
                return None
            if earliest >= reach:
                return earliest, fires[times.index(earliest)][1], [fire[2] for fire in fires]
            if iterations == self._max_iterations:
                raise IterationLimitReached(
                    f"no common fire time within max_iterations, got: {iterations}"
                )
            iterations += 1
            for index, at in enumerate(times):
                if at < reach:
                    fire = self._children[index].leap(fires[index][2], reach, end)
                    if fire is None:
                        return None
                    fires[index] = fire

    def skip(self, state: State, target: int) -> State:
        """Return the state after the last meeting that is earlier than `target`: `state` if none follows it.

        Where the way leads over very many meetings, they are counted afresh from half of what is left, so that no
        distance takes long. What follows is a meeting then, too, but perhaps of other fire times than step by step.
        """
        position, walked = self._renew(state, target), 0
        while (fire := self.advance(position, target)) is not None:
            state = position = fire[2]
            walked += 1
            middle = fire[0] + (target - fire[0]) // 2
            if walked % MAX_WALK == 0 and middle - fire[0] > 2 * self._threshold:
                fresh = self.position(middle)
                if self.advance(fresh, target) is not None:
                    position = fresh
                else:
                    target = min(target, middle + self._threshold + 1)
        return state

    def last_of(self, state: State) -> int | None:
        if state is None:
            return None
        lasts = [
            child.last_of(each)
            for child, each in zip(self._children, self._states(state), strict=True)
        ]
        return min(last for last in lasts if last is not None)

    def zone_of(self, state: State) -> Zone:
        pairs = list(zip(self._children, self._states(state), strict=True))
        lasts = [child.last_of(each) for child, each in pairs]
        child, each = pairs[lasts.index(self.last_of(state))]
        return child.zone_of(each)

    def check(self, state: object) -> State:
        if state is None:
            return None
        if isinstance(state, list) and len(state) == len(self._children) and None not in state:
            return [child.check(each) for child, each in zip(self._children, state, strict=True)]
        raise ValueError(f"state must be None or {len(self._children)} states, got: {state!r:.80}")

    def position(self, after: int) -> State:
        return [child.position(after) for child in self._children]

    def _renew(self, state: State, target: int) -> State:
        """Return a position from which the last meeting earlier than `target` is few steps ahead.

        Where a child pauses for more than twice the threshold, no meeting has to do with fire times on both sides of
        the pause. So it does not matter how the series got there: each child is at its first fire time near enough to
        the one that ends the pause. Where no such pause is near, the way leads over every meeting since `state`.
        """
        states = self._states(state)
        for child, old, last in zip(
            self._children, states, self._last_candidate(states, target), strict=False
        ):
            time = last
            for _ in range(_RENEWAL_TRIES):
                previous = _last_before(child, old, time)
                if previous is None or time - previous > 2 * self._threshold:
                    reach = time - self._threshold
                    return [
                        each.skip(one, reach)
                        for each, one in zip(self._children, states, strict=True)
                    ]
                time = previous
        return state

    def _last_candidate(self, states: list[State], target: int) -> list[int]:
        """Return the latest fire times, one of each child, that are earlier than `target` and near enough to meet.

        Whether they do depends on whom they have met before. Return nothing if there are none.
        """
        limits = [target] * len(states)
        for _ in range(self._max_iterations):
            times: list[int] = []
            for child, old, limit in zip(self._children, states, limits, strict=True):
                last = _last_before(child, old, limit)
                if last is None:
                    return []
                times.append(last)
            reach = min(times) + self._threshold
            if max(times) <= reach:
                return times
            limits = [min(limit, reach + 1) for limit in limits]
        return []

    def _states(self, state: State) -> list[State]:
        if state is None:
            return [None] * len(self._children)
        assert isinstance(state, list)
        return state


def _last_before(child: Series, state: State, target: int) -> int | None:
    """Return the last fire time of `child` that follows `state` and is earlier than `target`."""
    new = child.skip(state, target)
    return None if new == state else child.last_of(new)


def _latest(times: Iterable[int | None]) -> int | None:
    return max((time for time in times if time is not None), default=None)
