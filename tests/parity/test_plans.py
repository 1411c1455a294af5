"""Both cores give the same answers to every question about plans: fire times, positions, errors."""

from __future__ import annotations

import os
import random
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from rota import _backend
from tests.strategies import (
    ALL_ZONES,
    DAY,
    SECOND,
    SPECIAL_ZONES,
    Spec,
    all_of_specs,
    cron_fields,
    instants,
    plain_specs,
    simple_specs,
    specs,
    transitions_of,
    zone_of,
    zone_of_spec,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rota._backend import Core

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"


def outcome(call: Callable[..., Any], *args: Any) -> Any:
    """Return what a call returns, or the name and the text of what it raises."""
    try:
        return call(*args)
    except Exception as error:  # noqa: BLE001 - that is what is compared
        return type(error).__name__, str(error)


def shown(answer: Any) -> Any:
    """Return an answer in a form that tells zones and folds apart."""
    if isinstance(answer, datetime):
        return answer.isoformat(), answer.fold, str(answer.tzinfo)
    if isinstance(answer, (list, tuple)):
        return [shown(each) for each in answer]
    return answer


def assert_same(cores: tuple[Core, Core], ask: Callable[[Core], Any]) -> None:
    reference, compiled = (shown(outcome(ask, core)) for core in cores)
    assert compiled == reference


@st.composite
def specs_and_instants(draw: st.DrawFn, kinds: st.SearchStrategy[Spec]) -> tuple[Spec, list[int]]:
    spec = draw(kinds)
    at = draw(instants(zone_of_spec(spec)))
    return spec, [at, at + draw(st.integers(0, 1000 * DAY))]


@given(specs_and_instants(specs), st.integers(0, 20))
def test_next_previous_between_and_counts(
    cores: tuple[Core, Core], case: tuple[Spec, list[int]], limit: int
) -> None:
    spec, (at, until) = case

    def ask(core: Core) -> list[Any]:
        plan = spec.build(core)
        return [
            outcome(lambda: plan.first_after(at)),
            outcome(lambda: plan.between(at, until, limit)),
            outcome(lambda: list(plan.between_micros(at, until, limit))),
            outcome(lambda: plan.count(at, until, limit)),
        ]

    assert_same(cores, ask)


@given(specs_and_instants(specs))
def test_last_at_or_before(cores: tuple[Core, Core], case: tuple[Spec, list[int]]) -> None:
    spec, times = case

    def ask(core: Core) -> list[Any]:
        plan = spec.build(core)
        return [outcome(plan.last_at_or_before, at) for at in times]

    assert_same(cores, ask)


@given(specs | all_of_specs(simple_specs), st.integers(1, 12), st.integers(0, 12))
def test_cursors_and_their_states(
    cores: tuple[Core, Core], spec: Spec, steps: int, several: int
) -> None:
    def ask(core: Core) -> list[Any]:
        cursor, found = spec.build(core).cursor(), []
        found += [(outcome(cursor.next), cursor.state) for _ in range(steps)]
        found.append((outcome(lambda: cursor.next_n(several)), cursor.state))
        found.append((outcome(lambda: list(cursor.next_micros(several))), cursor.state))
        return found

    assert_same(cores, ask)


@given(specs, st.integers(0, 6), st.integers(1, 6))
def test_positions_of_one_core_are_resumed_by_the_other(
    cores: tuple[Core, Core], spec: Spec, before: int, after: int
) -> None:
    reference, compiled = (spec.build(core) for core in cores)
    for one, other in ((reference, compiled), (compiled, reference)):
        cursor = one.cursor()
        outcome(cursor.next_n, before)
        resumed = other.cursor(cursor.state)
        expected, found = (shown(outcome(each.next_n, after)) for each in (cursor, resumed))
        assert found == expected
        assert resumed.state == cursor.state


@given(specs, st.integers(1, 4), st.integers(0, 40 * DAY), st.integers(0, 2), st.integers(1, 8))
def test_coalescing(
    cores: tuple[Core, Core], spec: Spec, before: int, later: int, policy: int, limit: int
) -> None:
    def ask(core: Core) -> list[Any]:
        cursor = spec.build(core).cursor()
        pending = cursor.next_n(before)
        if not pending:
            return []
        now = pending[-1].astimezone(timezone.utc) + timedelta(microseconds=later)
        return [cursor.due(pending[-1], now, policy, limit), cursor.state]

    assert_same(cores, ask)


@given(
    st.lists(plain_specs, max_size=4),
    st.integers(0, 60 * DAY),
    st.integers(0, 2),
    st.integers(1, 5),
)
def test_batches(
    cores: tuple[Core, Core], several: list[Spec], later: int, policy: int, limit: int
) -> None:
    now = datetime(2026, 3, 29, 1, tzinfo=timezone.utc)

    def ask(core: Core) -> list[Any]:
        plans = [spec.build(core) for spec in several]
        module: Any = core
        cursors = [plan.cursor() for plan in plans]
        pending = [now - timedelta(microseconds=later)] * len(plans)
        batch = module.due_batch(cursors, pending, now, [policy] * len(plans), limit)
        at = int(now.timestamp()) * SECOND
        windows = outcome(
            lambda: [list(each) for each in module.between_many(plans, at, at + 30 * DAY, limit)]
        )
        return [
            [
                (type(each).__name__, str(each)) if isinstance(each, Exception) else each
                for each in batch
            ],
            [cursor.state for cursor in cursors],
            windows,
        ]

    assert_same(cores, ask)


def sample(keys: Sequence[str], count: int) -> list[str]:
    seed = random.Random().getrandbits(32) if LONG else 20261125
    return list(keys) if LONG else random.Random(seed).sample(list(keys), count)


@pytest.mark.parametrize("part", range(8))
def test_spans_of_zones(cores: tuple[Core, Core], part: int) -> None:
    for key in sample(ALL_ZONES[part::8], 12) + SPECIAL_ZONES[part::8]:
        reference, compiled = (zone_of(core, key) for core in cores)
        at = _backend.reference().MIN_MICROS
        end = _backend.reference().MAX_MICROS if part == 0 else 253_402_300_799 * SECOND // 60
        while at <= end:
            span = reference.span_at(at)
            assert compiled.span_at(at) == span, key
            assert shown(outcome(compiled.to_datetime, at)) == shown(
                outcome(reference.to_datetime, at)
            ), key
            at = span[1]


@pytest.mark.parametrize("part", range(8))
def test_wall_times_near_every_transition(cores: tuple[Core, Core], part: int) -> None:
    """The instant of a wall time is the one that `zoneinfo` knows; there is none of what the clock skips."""
    checked = skipped = 0
    for key in sample(ALL_ZONES[part::8], 8) + SPECIAL_ZONES[part::8]:
        tz = ZoneInfo(key)
        zones = [zone_of(core, key) for core in cores]
        for change in transitions_of(key):
            for minutes in range(-90, 91, 15):
                there = (EPOCH + timedelta(microseconds=change)).astimezone(tz)
                naive = there.replace(tzinfo=None, fold=0) + timedelta(minutes=minutes)
                for fold in (0, 1):
                    moment = naive.replace(tzinfo=tz, fold=fold)
                    utc = moment.astimezone(timezone.utc)
                    exists = utc.astimezone(tz).replace(tzinfo=None) == naive
                    expected = (utc - EPOCH) // timedelta(microseconds=1) if exists else None
                    assert [zone.instant(moment) for zone in zones] == [expected] * 2, moment
                    checked += 1
                    skipped += not exists
    assert 0 < skipped < checked


@pytest.mark.parametrize("year", [1, 9999])
def test_wall_times_at_the_ends_of_the_years(cores: tuple[Core, Core], year: int) -> None:
    for key in ("UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin"):
        tz = ZoneInfo(key)
        for month, day, hour in ((1, 1, 0), (1, 1, 12), (12, 31, 12), (12, 31, 23)):
            moment = datetime(year, month, day, hour, 30, tzinfo=tz)
            reference, compiled = (zone_of(core, key).instant(moment) for core in cores)
            assert compiled == reference


@pytest.mark.parametrize("part", range(8))
def test_cron_near_every_transition(cores: tuple[Core, Core], part: int) -> None:
    """Some expression or other by some policy or other, from some days before each transition of 1970 to 2099 on."""
    fields = [
        # second, minute, hour: a wildcard, each half hour of the night, midnight, and 02:30
        (1, (1 << 60) - 1, (1 << 24) - 1),
        (1, 1 | 1 << 30, 0b11111),
        (1, 1, 1),
        (1, 1 << 30, 1 << 2),
        (1 | 1 << 59, 1 << 59, 1 << 23 | 1),
    ]
    every_day = ((1 << 32) - 2, 0, 0, 0, 0, 0)
    checked = 0
    for key in sample(ALL_ZONES[part::8], 8) + SPECIAL_ZONES[part::8]:
        changes = transitions_of(key)
        for number, change in enumerate(changes if LONG else changes[::5]):
            second, minute, hour = fields[number % len(fields)]
            cron = (second, minute, hour, (1 << 13) - 2, None, 0, every_day, every_day, False)
            start, gap, overlap = change - 2 * DAY, number % 2, number % 3
            reference, compiled = (
                core.Plan.cron(zone_of(core, key), cron, start, None, gap, overlap)
                for core in cores
            )
            until = change + 2 * DAY
            expected = reference.between(start, until, 300)
            assert compiled.between(start, until, 300) == expected, (key, change, number)
            for at in (change - 1, change, change + SECOND * 1800):
                assert compiled.last_at_or_before(at) == reference.last_at_or_before(at), (
                    key,
                    at,
                    number,
                )
            checked += 1
    assert checked > 0


BAD_STATES = ["x", True, 1.5, [], [1], [None, None], [[1]], 1 << 70, -(1 << 70), {}]


@given(
    specs,
    st.sampled_from(BAD_STATES) | st.integers() | st.lists(st.none() | st.integers(), max_size=3),
)
def test_states_that_do_not_fit_are_refused_alike(
    cores: tuple[Core, Core], spec: Spec, state: Any
) -> None:
    def ask(core: Core) -> str:
        try:
            cursor = spec.build(core).cursor(state)
        except Exception as error:  # noqa: BLE001 - that is what is compared
            return type(error).__name__
        return repr(cursor.state)

    assert_same(cores, ask)


@pytest.mark.parametrize(
    "make",
    [
        lambda core: core.Zone.fixed(timezone.utc, DAY),
        lambda core: core.Zone.fixed(timezone.utc, -DAY),
        lambda core: core.Plan.interval(zone_of(core, "UTC"), 0, 0, None),
        lambda core: core.Plan.interval(zone_of(core, "UTC"), 0, -1, None),
        lambda core: core.Plan.any_of([]),
        lambda core: core.Plan.all_of([], 0, 1),
        lambda core: core.Plan.date(zone_of(core, "UTC"), 0).cursor().due(EPOCH, EPOCH, 3, 1),
        lambda core: core.Plan.date(zone_of(core, "UTC"), 0).cursor().due(EPOCH, EPOCH, 0, 0),
        lambda core: core.Plan.date(zone_of(core, "UTC"), 0).cursor("x"),
        lambda core: core.Zone.from_tzif(timezone.utc, b""),
        lambda core: core.Zone.from_tzif(timezone.utc, b"TZif" + b"\xff" * 100),
    ],
    ids=[
        "offset",
        "west",
        "no-step",
        "back",
        "no-plan",
        "none",
        "policy",
        "limit",
        "state",
        "empty-tzif",
        "tzif",
    ],
)
def test_what_is_malformed_is_refused_by_the_same_error(
    cores: tuple[Core, Core], make: Callable[[Core], Any]
) -> None:
    reference, compiled = (outcome(make, core) for core in cores)
    assert compiled[0] == reference[0] == "ValueError"


@given(
    cron_fields(),
    st.integers(0, 1),
    st.integers(0, 2),
    st.sampled_from(["UTC", "Europe/Berlin", "+23:59", "-23:59"]),
)
def test_ends_of_time(
    cores: tuple[Core, Core], fields: Any, gap: int, overlap: int, zone: str
) -> None:
    first, last = _backend.reference().MIN_MICROS, _backend.reference().MAX_MICROS

    def ask(core: Core) -> list[Any]:
        plan = core.Plan.cron(zone_of(core, zone), fields, first, None, gap, overlap)
        return [
            outcome(lambda: plan.first_after(first - 1)),
            outcome(lambda: plan.first_after(last - 400 * DAY)),
            outcome(lambda: plan.first_after(last)),
            outcome(lambda: plan.last_at_or_before(last)),
            outcome(lambda: plan.last_at_or_before(first)),
            outcome(lambda: plan.between(last - DAY, 1 << 62, 3)),
            outcome(lambda: plan.between(-(1 << 62), first + DAY, 3)),
            outcome(
                lambda: (
                    core.Plan.cron(zone_of(core, zone), fields, last - DAY, None, gap, overlap)
                    .cursor()
                    .next_n(3)
                )
            ),
        ]

    assert_same(cores, ask)
