"""Triggers answer alike whichever core they are compiled for, and are stored alike, so that one reads what the other wrote."""

from __future__ import annotations

import pickle
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from rota.abc import Trigger
from rota.model import CoalescePolicy
from rota.serializers.cbor import CBORSerializer
from rota.serializers.json import JSONSerializer
from rota.triggers import (
    AndTrigger,
    CalendarIntervalTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
)
from tests.parity.conftest import selected
from tests.parity.make_golden import DIRECTORY, PROTOCOL, made
from tests.strategies import instants, tzinfo_of, zone_names

if TYPE_CHECKING:
    from collections.abc import Callable

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GOLDEN = sorted(path.stem for path in DIRECTORY.glob("*.pickle"))


class Every(Trigger):
    """A user's trigger, which Python must ask step by step."""

    def __init__(self, start: datetime, step: timedelta, count: int) -> None:
        self.following, self.step, self.left = start, step, count

    def next(self) -> datetime | None:
        if self.left == 0:
            return None
        self.left -= 1
        moment, self.following = self.following, self.following + self.step
        return moment


@st.composite
def moments(draw: st.DrawFn, zone: str) -> datetime:
    at = EPOCH + timedelta(microseconds=draw(instants(zone)))
    return at.astimezone(tzinfo_of(zone))


fields = st.sampled_from(["*", "*/7", "0", "30", "0,30", "1-3", "2", "*/20"])
days = st.sampled_from(
    ["*", "*", "*", "L", "L-3", "LW", "15W", "last", "3rd fri", "last fri", "1,15", "?"]
)
weekdays = st.sampled_from(["*", "*", "*", "mon-fri", "5#3", "5L", "0", "7", "sat-sun", "?"])


@st.composite
def crons(draw: st.DrawFn) -> Trigger:
    zone = draw(zone_names)
    start = draw(moments(zone))
    return CronTrigger(
        day=draw(days),
        day_of_week=draw(weekdays),
        hour=draw(st.sampled_from(["*", "*/7", "0", "2", "1-3", "0,12,23"])),
        minute=draw(fields),
        second=draw(st.sampled_from(["0", "0", "*/15", "59"])),
        start_time=start,
        timezone=tzinfo_of(zone),
        gap=draw(st.sampled_from(["auto", "skip", "shift_to_gap_end"])),
        overlap=draw(st.sampled_from(["auto", "first", "second", "both"])),
        either_day=draw(st.booleans()),
    )


@st.composite
def others(draw: st.DrawFn) -> Trigger:
    zone = draw(zone_names)
    start = draw(moments(zone))
    match draw(st.integers(0, 2)):
        case 0:
            return DateTrigger(start)
        case 1:
            return IntervalTrigger(minutes=draw(st.integers(1, 5000)), start_time=start)
    return CalendarIntervalTrigger(
        months=draw(st.integers(0, 14)),
        days=draw(st.integers(1, 40)),
        hour=draw(st.integers(0, 23)),
        minute=draw(st.sampled_from([0, 30])),
        start_date=start.date(),
        timezone=tzinfo_of(zone),
    )


@st.composite
def users(draw: st.DrawFn) -> Trigger:
    start = draw(moments(draw(zone_names))).astimezone(UTC)
    return Every(start, timedelta(minutes=draw(st.integers(1, 100_000))), draw(st.integers(0, 30)))


def combined(children: st.SearchStrategy[Trigger]) -> st.SearchStrategy[Trigger]:
    several = st.lists(children, min_size=1, max_size=3)
    thresholds = st.sampled_from([0, 0, 0.25, 1, 60, 3600])
    return st.builds(OrTrigger, several) | st.builds(
        lambda triggers, threshold: AndTrigger(triggers, threshold, 60), several, thresholds
    )


builtin = crons() | others()
stored = builtin | combined(builtin | combined(builtin | combined(builtin)))
anything = combined(users() | builtin | combined(users() | builtin | combined(users() | builtin)))


def outcome(call: Callable[..., Any], *args: Any) -> Any:
    """Return what a call returns, in a form that tells zones and folds apart, or what it raises."""
    try:
        return shown(call(*args))
    except Exception as error:  # noqa: BLE001 - that is what is compared
        return type(error).__name__, str(error)


def shown(answer: Any) -> Any:
    if isinstance(answer, datetime):
        return answer.isoformat(), answer.fold, str(answer.tzinfo)
    if isinstance(answer, (list, tuple)):
        return [shown(each) for each in answer]
    return answer


def on_both(trigger: Trigger, ask: Callable[[Trigger], Any]) -> None:
    """Ask a copy of `trigger` that each core has compiled."""
    data = pickle.dumps(trigger)
    answers = []
    for name in ("python", "rust"):
        with selected(name):
            answers.append(outcome(ask, pickle.loads(data)))
    assert answers[1] == answers[0]


meetings = st.builds(
    lambda triggers, threshold: AndTrigger(triggers, threshold, 60),
    st.lists(builtin, min_size=1, max_size=3),
    st.sampled_from([1, 60, 3600, 86_400]),
)


@given(stored | meetings | anything, st.integers(0, 10), st.integers(0, 10))
def test_next_preview_and_remaining(trigger: Trigger, steps: int, more: int) -> None:
    def ask(each: Trigger) -> list[Any]:
        found: list[Any] = [outcome(each.next) for _ in range(steps)]
        found += [outcome(each.preview, more), outcome(each.next_n, more), each.cursor]
        until = EPOCH + timedelta(days=25_000)
        return [*found, outcome(lambda: each.remaining(until, limit=20))]

    on_both(trigger, ask)


@given(
    stored | anything,
    st.sampled_from(list(CoalescePolicy)),
    st.integers(0, 500_000),
    st.integers(1, 6),
)
def test_due(trigger: Trigger, policy: CoalescePolicy, minutes: int, limit: int) -> None:
    def ask(each: Trigger) -> list[Any]:
        pending = each.next()
        if pending is None:
            return []
        now = pending.astimezone(UTC) + timedelta(
            minutes=minutes if each.cursor is not None else minutes % 2000
        )
        return [each.due(pending, now, policy, limit), each.cursor, outcome(each.next)]

    on_both(trigger, ask)


@given(stored | anything, st.integers(0, 5))
def test_pickles_are_the_same_bytes_and_are_read_across(trigger: Trigger, steps: int) -> None:
    data = pickle.dumps(trigger)
    written = {}
    for name in ("python", "rust"):
        with selected(name):
            each = pickle.loads(data)
            for _ in range(steps):
                outcome(each.next)
            written[name] = pickle.dumps(each)
    assert written["rust"] == written["python"]
    going_on = []
    for name in ("python", "rust"):
        with selected(name):
            going_on.append(outcome(pickle.loads(written["rust"]).next_n, 5))
    assert going_on[0] == going_on[1]


@pytest.mark.parametrize("serializer", [JSONSerializer(), CBORSerializer()], ids=["json", "cbor"])
@given(trigger=stored, steps=st.integers(0, 4))
def test_other_forms_are_the_same_bytes_and_are_read_across(
    serializer: Any, trigger: Trigger, steps: int
) -> None:
    data = pickle.dumps(trigger)
    written, going_on = [], []
    for name in ("python", "rust"):
        with selected(name):
            each = pickle.loads(data)
            outcome(each.next_n, steps)
            written.append(serializer.serialize(each))
    assert written[0] == written[1]
    for name in ("python", "rust"):
        with selected(name):
            again = serializer.deserialize(written[0])
            assert again == trigger
            going_on.append(outcome(again.next_n, 5))
    assert going_on[0] == going_on[1]


@given(stored, st.integers(1, 4))
def test_uninterrupted_is_what_is_stored_after_each_step_on_changing_cores(
    trigger: Trigger, steps: int
) -> None:
    with selected("python"):
        uninterrupted: Any = pickle.loads(pickle.dumps(trigger))
        expected = [outcome(uninterrupted.next) for _ in range(steps)]
    each: Any = trigger
    for number in range(steps):
        with selected(("rust", "python")[number % 2]):
            each = pickle.loads(pickle.dumps(each))
            assert outcome(each.next) == expected[number]


def test_golden_pickles_are_one_of_each_kind() -> None:
    assert sorted(made()) == GOLDEN


@pytest.mark.parametrize("core", ["python", "rust"])
@pytest.mark.parametrize("name", GOLDEN)
def test_golden_pickle_is_read(name: str, core: str) -> None:
    with selected(core):
        expected = made()[name]
        read = pickle.loads((DIRECTORY / f"{name}.pickle").read_bytes())
        assert read == expected
        assert read.cursor == expected.cursor
        assert read.__getstate__() == expected.__getstate__()
        assert outcome(read.next_n, 5) == outcome(expected.next_n, 5)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_pickle_is_written_alike_by_both(name: str) -> None:
    written = []
    for core in ("python", "rust"):
        with selected(core):
            written.append(pickle.dumps(made()[name], PROTOCOL))
    assert written[0] == written[1]


@pytest.mark.parametrize(
    "make",
    [
        lambda: CronTrigger(hour=25),
        lambda: IntervalTrigger(),
        lambda: CronTrigger(hour=1, timezone="UTC", start_time=EPOCH).at("x"),
        lambda: OrTrigger(DateTrigger(EPOCH)).at([1]),
        lambda: AndTrigger(DateTrigger(EPOCH)).at(5),
        lambda: DateTrigger(EPOCH).due(EPOCH, EPOCH, CoalescePolicy.all, 0),
        lambda: AndTrigger(
            IntervalTrigger(hours=2, start_time=EPOCH),
            IntervalTrigger(hours=2, start_time=EPOCH + timedelta(hours=1)),
            max_iterations=9,
        ).next(),
        lambda: CalendarIntervalTrigger(days=1, start_date=date.max, timezone="Asia/Tokyo").next_n(
            3
        ),
        lambda: DateTrigger(EPOCH).remaining(EPOCH.replace(tzinfo=None)),
    ],
    ids=[
        "hour",
        "interval",
        "cursor",
        "or-cursor",
        "and-cursor",
        "limit",
        "iterations",
        "last-day",
        "naive",
    ],
)
def test_errors_have_the_same_text(make: Callable[[], Any]) -> None:
    answers = []
    for core in ("python", "rust"):
        with selected(core):
            answers.append(outcome(make))
    assert answers[0] == answers[1]
