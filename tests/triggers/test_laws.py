"""The laws of fire times, on every kind of plan and on every core."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import given, strategies as st

from tests.strategies import (
    DAY,
    Spec,
    all_of_specs,
    any_of_specs,
    combined_specs,
    cron_specs,
    instants,
    micros,
    plain_specs,
    simple_specs,
    specs,
    tzinfo_of,
    zone_of_spec,
)

if TYPE_CHECKING:
    from rota._backend import Core
    from rota._core import Cursor, Plan

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
FAR = micros(2110, 1, 1)


def to_micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def to_moment(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


def first_fires(core: Core, plan: Plan, count: int) -> list[int]:
    """Return the first fire times of a cursor, until its plan reaches the limit of its iterations."""
    cursor, found = plan.cursor(), []
    try:
        for _ in range(count):
            if (moment := cursor.next()) is None:
                break
            found.append(to_micros(moment))
    except core.IterationLimitReached:
        pass
    return found


@st.composite
def specs_and_instants(draw: st.DrawFn, kinds: st.SearchStrategy[Spec]) -> tuple[Spec, int]:
    spec = draw(kinds)
    return spec, draw(instants(zone_of_spec(spec)))


@given(specs_and_instants(specs))
def test_next_is_later_and_the_same_until_it_comes(backend: Core, case: tuple[Spec, int]) -> None:
    spec, at = case
    plan = spec.build(backend)
    try:
        following = plan.first_after(at)
    except backend.IterationLimitReached:
        return
    if following is not None:
        assert following > at
        for share in (1, 2, 3):
            assert plan.first_after(at + (following - at - 1) * share // 3) == following
        assert plan.first_after(following) != following


@given(specs_and_instants(plain_specs))
def test_previous_is_a_fire_time_with_nothing_in_between(
    backend: Core, case: tuple[Spec, int]
) -> None:
    spec, at = case
    plan = spec.build(backend)
    previous, following = plan.last_at_or_before(at), plan.first_after(at)
    if previous is not None:
        assert previous <= at
        assert plan.first_after(previous - 1) == previous
        assert plan.first_after(previous) == following
        assert plan.last_at_or_before(previous) == previous
    if following is not None:
        assert plan.last_at_or_before(following) == following
        assert plan.last_at_or_before(following - 1) == previous


@given(specs)
def test_cursor_ascends_and_agrees_with_between(backend: Core, spec: Spec) -> None:
    plan = spec.build(backend)
    fires = first_fires(backend, plan, 12)
    assert all(earlier < later for earlier, later in pairwise(fires))
    if fires:
        assert plan.between(fires[0] - 1, fires[-1], 100)[0] == fires[0]
        if spec.kind not in ("any_of", "all_of"):
            assert plan.between(fires[0] - 1, fires[-1], 100) == fires
            assert plan.between(fires[0], fires[-1], 3) == fires[1:4]
            assert list(plan.between_micros(fires[0] - 1, fires[-1], 100)) == fires
            assert plan.count(fires[0] - 1, fires[-1], 100) == len(fires)
            assert plan.count(fires[0] - 1, fires[-1], 5) == min(5, len(fires))


@given(specs, st.integers(0, 8), st.integers(1, 8))
def test_saving_and_resuming_changes_nothing(
    backend: Core, spec: Spec, before: int, after: int
) -> None:
    plan = spec.build(backend)
    fires = first_fires(backend, plan, before + after)
    cursor = plan.cursor()
    for expected in fires[:before]:
        moment = cursor.next()
        assert moment is not None
        assert to_micros(moment) == expected
        cursor = plan.cursor(cursor.state)
    if len(fires) > before:
        assert [to_micros(moment) for moment in cursor.next_n(len(fires) - before)] == fires[
            before:
        ]


@given(specs, st.integers(0, 6))
def test_ways_to_take_several_agree(backend: Core, spec: Spec, count: int) -> None:
    plan = spec.build(backend)
    fires = first_fires(backend, plan, count)
    if len(fires) == count:
        by_moments, by_micros = plan.cursor(), plan.cursor()
        assert [to_micros(moment) for moment in by_moments.next_n(count)] == fires
        assert list(by_micros.next_micros(count)) == fires
        assert by_moments.state == by_micros.state


@given(any_of_specs(simple_specs), st.integers(1, 15))
def test_any_of_is_the_union(backend: Core, spec: Spec, count: int) -> None:
    children = [child.build(backend) for child in spec.arguments[0]]
    union = sorted({at for child in children for at in child.between(-(10**18), FAR, count)})
    assert spec.build(backend).between(-(10**18), FAR, count) == union[:count]


def step_by_step(children: list[Cursor], threshold: int, limit: int) -> list[int]:
    """Return what the user guide's description of the AndTrigger gives, taken literally."""

    def ask(child: Cursor) -> int | None:
        moment = child.next()
        return None if moment is None else to_micros(moment)

    found: list[int] = []
    pending = [ask(child) for child in children]
    for _ in range(limit):
        times = [at for at in pending if at is not None]
        if len(times) < len(pending):
            break
        if max(times) - min(times) <= threshold:
            found.append(min(times))
            pending = [ask(child) for child in children]
        else:
            earliest = pending.index(min(times))
            pending[earliest] = ask(children[earliest])
    return found


@given(all_of_specs(simple_specs))
def test_all_of_is_what_the_guide_describes_step_by_step(backend: Core, spec: Spec) -> None:
    children, threshold, _ = spec.arguments
    expected = step_by_step([child.build(backend).cursor() for child in children], threshold, 400)[
        :20
    ]
    assert first_fires(backend, spec.build(backend), len(expected)) == expected


def due(
    cursor: Cursor, pending: datetime, now: int, policy: int, limit: int = 10_000
) -> tuple[list[int], int | None, Any]:
    kept, following = cursor.due(pending, to_moment(now), policy, limit)
    after = None if following is None else to_micros(following)
    return [to_micros(moment) for moment in kept], after, cursor.state


@given(specs, st.integers(0, 5), st.integers(0, 25), st.integers(-1, 1))
def test_latest_is_the_last_of_all_and_what_follows_is_the_same(
    backend: Core, spec: Spec, before: int, missed: int, shift: int
) -> None:
    plan = spec.build(backend)
    fires = first_fires(backend, plan, before + missed + 3)
    if len(fires) < before + 2:
        return
    pending_at = fires[before]
    now = max(pending_at, fires[min(before + missed, len(fires) - 2)] + shift)

    def overdue(policy: int, limit: int = 10_000) -> tuple[list[int], int | None, Any]:
        cursor = plan.cursor()
        pending = cursor.next_n(before + 1)[-1]
        return due(cursor, pending, now, policy, limit)

    every, following, state = overdue(2)
    assert every == [at for at in fires if pending_at <= at <= now]
    assert following == next((at for at in fires if at > now), None)
    assert overdue(1) == ([every[-1]], following, state)
    assert overdue(0) == ([pending_at], following, state)
    if len(every) > 2:
        kept, left_out, _ = overdue(2, 2)
        assert (kept, left_out) == (every[:2], every[2])


@given(simple_specs, st.data())
def test_latest_of_a_long_time_is_what_the_plan_says(
    backend: Core, spec: Spec, data: st.DataObject
) -> None:
    plan = spec.build(backend)
    cursor = plan.cursor()
    pending = cursor.next()
    if pending is not None:
        now = to_micros(pending) + data.draw(st.integers(0, 3000 * DAY))
        kept, following, _ = due(cursor, pending, now, 1)
        assert kept == [plan.last_at_or_before(now)]
        assert following == plan.first_after(now)


@given(specs)
def test_fire_times_are_stamped_with_a_zone_of_the_plan(backend: Core, spec: Spec) -> None:
    def zones(of: Spec) -> list[Any]:
        return (
            [tzinfo_of(of.zone)]
            if of.zone
            else [zone for child in of.arguments[0] for zone in zones(child)]
        )

    cursor = spec.build(backend).cursor()
    try:
        moments = cursor.next_n(5)
    except backend.IterationLimitReached:
        return
    for moment in moments:
        assert moment.tzinfo in zones(spec)
        assert moment.astimezone(timezone.utc).astimezone(moment.tzinfo) == moment
        assert moment.astimezone(timezone.utc).astimezone(moment.tzinfo).fold == moment.fold


@given(cron_specs())
def test_cron_matches_its_fields_or_shifts_out_of_a_gap(backend: Core, spec: Spec) -> None:
    fields, start, end, gap, overlap = spec.arguments
    for moment in spec.build(backend).cursor().next_n(5):
        assert start <= to_micros(moment) <= (end or FAR * 2)
        matches = all(
            mask >> value & 1
            for mask, value in zip(
                fields[:4], (moment.second, moment.minute, moment.hour, moment.month), strict=True
            )
        ) and (fields[4] is None or fields[4][moment.year // 8] >> moment.year % 8 & 1)
        offsets = [moment.replace(fold=fold).utcoffset() for fold in (0, 1)]
        is_repeated = offsets[0] > offsets[1]  # type: ignore[operator]
        if is_repeated and overlap < 2 and matches:
            assert moment.fold == overlap
        just_before = (moment.astimezone(timezone.utc) - timedelta(seconds=1)).astimezone(
            moment.tzinfo
        )
        ends_a_gap = moment.replace(tzinfo=None) - just_before.replace(tzinfo=None) > timedelta(
            seconds=1
        )
        assert matches or (gap == 1 and ends_a_gap)


@given(combined_specs)
def test_a_limit_of_iterations_leaves_the_state_as_it_is(backend: Core, spec: Spec) -> None:
    cursor = spec.build(backend).cursor()
    state: Any = None
    try:
        for _ in range(10):
            state = cursor.state
            if cursor.next() is None:
                break
    except backend.IterationLimitReached:
        pass
    if cursor.state == state:
        again = spec.build(backend).cursor(state)
        with_limit = False
        try:
            assert again.next() is None
        except backend.IterationLimitReached:
            with_limit = True
        assert again.state == state or with_limit
