"""Meetings of series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota._reference.combining import Combination
from rota._reference.error import IterationLimitReached
from rota._reference.instant import MAX_MICROS
from rota._reference.series import SimpleSeries
from rota._reference.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rota._reference.series import Fire, Series, State

__all__ = ["MAX_WALK", "AllOfSeries"]

_NEVER = MAX_MICROS + 1
#: How far back, in fire times of each child, `AllOfSeries.skip` looks for a time from which it can start afresh.
_RENEWAL_TRIES = 64
#: The same for a child that has to look back itself.
_NESTED_RENEWAL_TRIES = 4
#: How many meetings `AllOfSeries.skip` walks over before it starts afresh halfway.
MAX_WALK = 4096


class AllOfSeries(Combination):
    """The meetings of its children: fire times, one of each child, at most `threshold` apart.

    Its state is the states of the children after a meeting. A child that is earlier than the latest of the pending
    fire times by more than the threshold can only meet it later, so it moves on: step by step as the user guide
    describes it, or at once as here, the next meeting is the same.
    """

    __slots__ = ("_max_iterations", "_threshold")

    def __init__(self, children: Sequence[Series], threshold: int, max_iterations: int) -> None:
        if not children:
            raise ValueError("all_of must have at least one plan, got: 0")
        if threshold < 0:
            raise ValueError(f"threshold must not be negative, got: {threshold}")
        if max_iterations < 1:
            raise ValueError(f"max_iterations must be positive, got: {max_iterations}")
        super().__init__(children)
        self._threshold = threshold
        self._max_iterations = max_iterations

    def advance(
        self, state: State, before: int = _NEVER, steps: Steps | None = None
    ) -> Fire | None:
        end = before + self._threshold
        steps = steps or Steps(self._max_iterations)
        steps.take()
        fires: list[Fire] = []
        for child, old in zip(self._children, self._states(state), strict=True):
            fire = child.advance(old, end, steps)
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
            steps.take()
            for index, at in enumerate(times):
                if at < reach:
                    fire = self._children[index].leap(fires[index][2], reach, end, steps)
                    if fire is None:
                        return None
                    fires[index] = fire

    def skip(self, state: State, target: int, steps: Steps | None = None) -> State:
        """Return the state after the last meeting that is earlier than `target`: `state` if none follows it.

        Where the way leads over very many meetings, they are counted afresh from half of what is left, so that no
        distance takes long. What follows is a meeting then, too, but perhaps of other fire times than step by step.
        """
        steps = steps or Steps(self._max_iterations)
        position, walked = self._renew(state, target, steps), 0
        while (fire := self.advance(position, target, steps)) is not None:
            state = position = fire[2]
            walked += 1
            middle = fire[0] + (target - fire[0]) // 2
            if walked % MAX_WALK == 0 and middle - fire[0] > 2 * self._threshold:
                fresh = self.position(middle)
                if self.advance(fresh, target, steps) is not None:
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

    def check(self, state: object) -> State:
        if state is None:
            return None
        if isinstance(state, list) and len(state) == len(self._children) and None not in state:
            return [child.check(each) for child, each in zip(self._children, state, strict=True)]
        raise ValueError(f"state must be None or {len(self._children)} states, got: {state!r:.80}")

    def position(self, after: int) -> State:
        return [child.position(after) for child in self._children]

    def _renew(self, state: State, target: int, steps: Steps) -> State:
        """Return a position from which the last meeting earlier than `target` is few steps ahead.

        Where a child pauses for more than twice the threshold, no meeting has to do with fire times on both sides of
        the pause. So it does not matter how the series got there: each child is at its first fire time near enough to
        the one that ends the pause. Where no such pause is near, the way leads over every meeting since `state`.
        """
        states = self._states(state)
        candidate = self._last_candidate(states, target, steps)
        for child, old, last in zip(self._children, states, candidate, strict=False):
            time = last
            tries = _RENEWAL_TRIES if isinstance(child, SimpleSeries) else _NESTED_RENEWAL_TRIES
            for _ in range(tries):
                steps.take()
                previous = _last_before(child, old, time, steps)
                if previous is None or time - previous > 2 * self._threshold:
                    reach = time - self._threshold
                    return [
                        each.skip(one, reach, steps)
                        for each, one in zip(self._children, states, strict=True)
                    ]
                time = previous
        return state

    def _last_candidate(self, states: list[State], target: int, steps: Steps) -> list[int]:
        """Return the latest fire times, one of each child, that are earlier than `target` and near enough to meet.

        Whether they do depends on whom they have met before. Return nothing if there are none.
        """
        limits = [target] * len(states)
        for _ in range(self._max_iterations):
            steps.take()
            times: list[int] = []
            for child, old, limit in zip(self._children, states, limits, strict=True):
                last = _last_before(child, old, limit, steps)
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


def _last_before(child: Series, state: State, target: int, steps: Steps) -> int | None:
    """Return the last fire time of `child` that follows `state` and is earlier than `target`."""
    new = child.skip(state, target, steps)
    return None if new == state else child.last_of(new)
