"""What to do with fire times that have passed: keep the earliest, the latest, or all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rota._reference.series import Fire, Series, State

__all__ = ["ALL", "EARLIEST", "LATEST", "check_policy", "first_overdue", "pass_over"]

EARLIEST, LATEST, ALL = 0, 1, 2


def check_policy(policy: int, limit: int) -> None:
    """Raise ValueError if `policy` is none, or `limit` leaves no room for a fire time."""
    if policy not in (EARLIEST, LATEST, ALL):
        raise ValueError(f"policy must be in 0-2, got: {policy}")
    if limit < 1:
        raise ValueError(f"limit must be positive, got: {limit}")


def pass_over(series: Series, state: State, now: int) -> tuple[State, Fire | None]:
    """Return the state after the last fire time that is `now` or earlier, and the fire time that follows it.

    What lies between is computed, not walked.
    """
    state = series.skip(state, now + 1)
    return state, series.advance(state)


def first_overdue(
    series: Series, state: State, now: int, limit: int
) -> tuple[list[Fire], Fire | None]:
    """Return the first `limit` fire times after `state` that are `now` or earlier, and the one that follows them."""
    found: list[Fire] = []
    fire = series.advance(state)
    while fire is not None and fire[0] <= now and len(found) < limit:
        found.append(fire)
        fire = series.advance(fire[2])
    return found, fire
