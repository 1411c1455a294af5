"""Passing over many meetings of an And takes a bounded number of steps, however dense they are."""

from __future__ import annotations

from datetime import timezone
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from rota import _backend
from rota._reference.instant import MAX_MICROS
from rota._reference.meeting import MAX_WALK, AllOfSeries

if TYPE_CHECKING:
    from rota._backend import Core
    from rota._core import Plan
    from rota._reference.series import Fire, State
    from rota._reference.steps import Steps

SECOND = 1_000_000
YEAR = 365 * 86_400 * SECOND


def dense(core: Core, threshold: int) -> Plan:
    """Every second and every other second, which pause for less than twice the threshold."""
    zone = core.Zone.fixed(timezone.utc, 0)
    every = [core.Plan.interval(zone, 0, step * SECOND, None) for step in (1, 2)]
    return core.Plan.all_of(every, threshold, 1_000)


@pytest.mark.parametrize("threshold", [SECOND, 3 * SECOND])
@pytest.mark.parametrize("span", [YEAR // 365, YEAR, 50 * YEAR])
def test_backends_agree_on_what_is_left_of_a_long_absence(
    cores: tuple[Core, Core], span: int, threshold: int
) -> None:
    found, same = (dense(core, threshold).last_at_or_before(span) for core in cores)
    assert found == same
    assert found is not None
    # at most so far from the end that another meeting would have fitted in
    assert span - 2 * SECOND - threshold < found <= span
    assert found % SECOND == 0


def test_steps_do_not_grow_with_the_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    original = AllOfSeries.advance

    def counted(
        self: AllOfSeries, state: State, before: int = MAX_MICROS + 1, limit: Steps | None = None
    ) -> Fire | None:
        nonlocal steps
        steps += 1
        return original(self, state, before, limit)

    monkeypatch.setattr(AllOfSeries, "advance", counted)
    taken = []
    for years in (1, 4, 16):
        steps = 0
        dense(_backend.reference(), SECOND).last_at_or_before(years * YEAR)
        taken.append(steps)
    # four times the distance is halved twice more
    assert all(later - earlier <= 3 * MAX_WALK for earlier, later in pairwise(taken))
    assert taken[0] < 16 * MAX_WALK
