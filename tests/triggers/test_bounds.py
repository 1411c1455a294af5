"""No search takes more steps than its rule allows, whether it finds anything or not. Steps are counted, not seconds.

They are those of the reference; the compiled core counts its own in the tests of its crate, and gives the same answers.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from rota import _backend
from rota._reference import steps
from rota._reference.cron.field import MonthMasks
from rota._reference.error import IterationLimitReached
from rota._reference.interval import IntervalSeries
from tests.strategies import DAY, EVERY_DAY, SECOND, micros, zone_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from rota._backend import Core
    from rota._core import CronFields, DaySpec, Plan

    Counted: TypeAlias = Callable[[type, str], list[str]]

YEAR = 365 * DAY
ALL_MONTHS = (1 << 13) - 2


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Return a function that returns a list which grows with each call of a method."""

    def count(owner: type, name: str) -> list[str]:
        calls: list[str] = []
        original = getattr(owner, name)

        def method(self: Any, *args: Any) -> Any:
            calls.append(name)
            return original(self, *args)

        monkeypatch.setattr(owner, name, method)
        return calls

    return count


# cron


def days(*numbers: int) -> DaySpec:
    return (sum(1 << number for number in numbers), 0, 0, 0, 0, 0)


def nth(weekday: int, number: int) -> DaySpec:
    return (0, 0, 0, 1 << (weekday * 5 + number - 1), 0, 0)


def noon(month: int, day: DaySpec, day_of_week: DaySpec = EVERY_DAY, weeks: int = 0) -> CronFields:
    return (1, 1, 1 << 12, month, None, weeks, day, day_of_week, False)


NEVER = {
    "30 February": noon(1 << 2, days(30)),
    "31 of a short month": noon(1 << 2 | 1 << 4 | 1 << 6 | 1 << 9 | 1 << 11, days(31)),
    "last week of the year in June": noon(1 << 6, EVERY_DAY, weeks=1 << 53),
    "fourth Monday on the 29th": noon(ALL_MONTHS, days(29), nth(0, 4)),
}


@pytest.mark.parametrize("fields", NEVER.values(), ids=list(NEVER))
@pytest.mark.parametrize("year", [1, 1970, 2025, 9990])
def test_what_never_comes_is_given_up_after_one_cycle_of_the_calendar(
    counted: Counted, fields: CronFields, year: int
) -> None:
    core = _backend.reference()
    plan = core.Plan.cron(zone_of(core, "Europe/Berlin"), fields, micros(1, 1, 2), None, 0, 0)
    years = counted(MonthMasks, "months")
    assert plan.first_after(micros(year, 6, 1)) is None
    assert plan.last_at_or_before(micros(year, 6, 1)) is None
    # once in each direction, and the years at the ends
    assert 0 < len(years) <= 2 * (400 + 2)


# combinations


def every(core: Core, seconds: int, first: int = 0) -> Plan:
    return core.Plan.interval(zone_of(core, "UTC"), first * SECOND, seconds * SECOND, None)


def dense(core: Core, depth: int) -> Plan:
    """Meetings of every second, which never pause for long enough to start afresh, within one another."""
    plan = every(core, 1)
    for _ in range(depth):
        plan = core.Plan.all_of([plan, every(core, 1)], SECOND, 1_000)
    return plan


def rare(core: Core, depth: int) -> Plan:
    """Meetings that some hundred iterations lead to, within one another."""
    plan = every(core, 353)
    for level, prime in enumerate((349, 347, 337, 331, 317, 313, 311, 307)[:depth]):
        plan = core.Plan.all_of([plan, every(core, prime, 1 + level)], 0, 1_000)
    return plan


@pytest.mark.parametrize("depth", [3, 30, 100])
def test_passing_over_nested_meetings_takes_bounded_steps(
    counted: Counted, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    monkeypatch.setattr(steps, "MAX_STEPS", 20_000)
    plan = dense(_backend.reference(), depth)
    asked = [counted(IntervalSeries, name) for name in ("first_after", "last_at_or_before")]
    with pytest.raises(IterationLimitReached, match=r"steps of all nested triggers, got: 21000$"):
        plan.last_at_or_before(YEAR)
    # a step asks each of two children once
    assert sum(map(len, asked)) <= 2 * 21_000


@pytest.mark.parametrize("depth", [2, 8])
def test_waiting_for_nested_meetings_takes_bounded_steps(
    counted: Counted, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    monkeypatch.setattr(steps, "MAX_STEPS", 20_000)
    plan = rare(_backend.reference(), depth)
    asked = [counted(IntervalSeries, name) for name in ("first_after", "last_at_or_before")]
    with pytest.raises(IterationLimitReached, match=r"steps of all nested triggers, got: 21000$"):
        plan.first_after(0)
    assert sum(map(len, asked)) <= 2 * 21_000


def test_state_stays_when_the_steps_are_used_up(backend: Core) -> None:
    cursor = dense(backend, 12).cursor()
    pending = cursor.next()
    assert pending is not None
    state = cursor.state
    limit = steps.MAX_STEPS + 1_000
    with pytest.raises(backend.IterationLimitReached, match=f"all nested triggers, got: {limit}$"):
        cursor.due(pending, datetime(2026, 1, 1, tzinfo=timezone.utc), 1, 1)
    assert cursor.state == state
    assert cursor.next() is not None


def test_few_levels_pass_over_a_year(backend: Core) -> None:
    assert dense(backend, 2).last_at_or_before(YEAR) == YEAR
