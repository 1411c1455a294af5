"""What goes in comes out, whatever the serializer."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from rota.model import (
    AbandonedPolicy,
    CoalescePolicy,
    Event,
    Job,
    JobOutcome,
    JobRelease,
    JobReleased,
    JobResult,
    RetryPolicy,
    Schedule,
    ScheduleResult,
    SchedulerRole,
    SchedulerStarted,
    SerializationError,
    Task,
    TaskDefaults,
    unset,
)
from rota.triggers.calendarinterval import CalendarIntervalTrigger
from rota.triggers.combining import AndTrigger, OrTrigger
from rota.triggers.cron import CronTrigger
from rota.triggers.date import DateTrigger
from rota.triggers.interval import IntervalTrigger
from tests.serializers.conftest import ALL
from tests.strategies import tzif_of

if TYPE_CHECKING:
    from rota.abc import Serializer, Trigger

NOW = datetime(2025, 10, 26, 2, 30, 0, 123_456, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)

zones = (
    st.none()
    | st.timezones()
    | st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
)
atoms = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=zones)
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.decimals(allow_nan=False)
    | st.sampled_from([*JobOutcome, *CoalescePolicy, SchedulerRole.both, unset])
)
keys = st.none() | st.integers() | st.text() | st.binary() | st.tuples(st.integers(), st.text())
values = st.recursive(
    atoms,
    lambda children: (
        st.lists(children)
        | st.lists(children).map(tuple)
        | st.dictionaries(keys, children)
        | st.sets(keys)
        | st.frozensets(keys)
    ),
    max_leaves=20,
)


def same(left: Any, right: Any) -> bool:
    """Equal, of the same types, and for times of the same zone and fold."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, datetime | time):
        marks = (left.replace(tzinfo=None), left.fold, left.tzinfo)
        return marks == (right.replace(tzinfo=None), right.fold, right.tzinfo)
    return bool(left == right)


@pytest.mark.parametrize("name", ALL)
@given(value=values)
def test_values_round_trip(name: str, value: Any) -> None:
    serializer = ALL[name]()
    assert same(serializer.deserialize(serializer.serialize(value)), value)


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, -0.0])
def test_special_numbers_round_trip(serializer: Serializer, number: float) -> None:
    back = serializer.deserialize(serializer.serialize([number]))[0]
    assert repr(back) == repr(number)


@pytest.mark.parametrize(
    "value",
    [
        timezone.utc,
        timezone(timedelta(hours=5, minutes=30)),
        ZoneInfo("America/Argentina/Buenos_Aires"),
        ZoneInfo("UTC"),
        NOW,
        NOW.replace(fold=0),
        datetime(1, 1, 1),  # noqa: DTZ001 - naive values are data too
        datetime.max.replace(tzinfo=timezone.utc),
        date(9999, 12, 31),
        time(23, 59, 59, 999_999, tzinfo=timezone.utc),
        timedelta.min,
        timedelta.max,
        UUID(int=2**128 - 1),
        Decimal("1E+400"),
        2**64,
        -(2**64) - 1,
        {"_rota_json": ["rota:Job", {}]},
        {"_rota_json": 1, "other": 2},
        {1: "a", "1": "b"},
        {(1, 2): {frozenset({3}): set()}},
        "\x00\U0001f600",
        "x" * 100_000,
    ],
    ids=lambda value: repr(value)[:40],
)
def test_value_round_trips(serializer: Serializer, value: Any) -> None:
    assert same(serializer.deserialize(serializer.serialize(value)), value)


@pytest.mark.parametrize(
    "zone", [timezone.utc, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")]
)
def test_zone_and_fold_of_a_repeated_time_are_kept(serializer: Serializer, zone: tzinfo) -> None:
    """The second pass of an overlap stays the second pass, and the zone stays the zone."""
    value = datetime(2025, 10, 26, 2, 30, tzinfo=zone, fold=1)
    back = serializer.deserialize(serializer.serialize(value))
    assert (back.tzinfo, back.fold, back.utcoffset()) == (zone, 1, value.utcoffset())


def test_zone_that_is_not_what_its_key_gives_is_refused(serializer: Serializer) -> None:
    """It would come back as the zone of its key."""
    zone = ZoneInfo.from_file(BytesIO(tzif_of("Europe/Berlin")), key="Asia/Tokyo")
    for value in (
        zone,
        datetime(2025, 1, 1, tzinfo=zone),
        CronTrigger(hour=10, timezone=zone, start_time=NOW),
    ):
        with pytest.raises(SerializationError, match="must be given by its IANA name"):
            serializer.serialize(value)


def triggers() -> list[Trigger]:
    """Make one of each kind, each of which has fired."""
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2025, 1, 1, tzinfo=zone)
    cron = CronTrigger(hour=10, day_of_week="mon-fri", start_time=start, timezone=zone)
    interval = IntervalTrigger(minutes=7, start_time=start)
    made: list[Trigger] = [
        DateTrigger(start),
        interval,
        cron,
        CronTrigger.from_crontab("30 2 * * *", start_time=start, timezone=zone),
        CalendarIntervalTrigger(months=2, hour=10, start_date=start.date(), timezone=zone),
        OrTrigger(cron.copy(), interval.copy()),
        AndTrigger(cron.copy(), IntervalTrigger(hours=1, start_time=start)),
    ]
    for trigger in made[1:]:
        trigger.next()
    return made


@pytest.mark.parametrize("trigger", triggers(), ids=lambda trigger: type(trigger).__name__)
def test_triggers_go_on_where_they_were(serializer: Serializer, trigger: Trigger) -> None:
    back = serializer.deserialize(serializer.serialize(trigger))
    assert back == trigger
    assert back.cursor == trigger.cursor
    assert back.preview(5) == trigger.preview(5)


def models() -> list[Any]:
    job = Job(
        id=UUID(int=1),
        task_id="task",
        args=(1, "two", {"three": {4}}),
        kwargs={"key": b"value"},
        schedule_id="schedule",
        scheduled_fire_time=NOW,
        jitter=timedelta(seconds=1.5),
        executor="threadpool",
        start_deadline=NOW,
        result_expiration_time=timedelta(hours=1),
        metadata={"a": [1, None]},
        priority=-3,
        not_before=NOW,
        attempt=2,
        created_at=NOW,
        acquired_by="me",
        acquired_until=NOW,
        token=7,
    )
    trigger = IntervalTrigger(hours=1, start_time=NOW)
    result = JobResult.from_job(
        job, JobOutcome.success, finished_at=NOW, started_at=NOW, return_value=(1, 2)
    )
    return [
        job,
        result,
        JobRelease(job=job, result=result, run_again_after=timedelta(seconds=3)),
        Task(
            id="task",
            func="module:function",
            job_executor="async",
            max_running_jobs=None,
            misfire_grace_time=5,
            abandoned=AbandonedPolicy.run_again,
            retry=RetryPolicy(max_attempts=5),
            tags={"a", "b"},
        ),
        TaskDefaults(),
        Schedule(
            id="schedule",
            task_id="task",
            trigger=trigger,
            coalesce=CoalescePolicy.all,
            job_executor="async",
            next_fire_time=NOW,
            error="broken",
        ),
        ScheduleResult(
            schedule_id="schedule",
            task_id="task",
            trigger=trigger,
            last_fire_time=NOW,
            next_fire_time=None,
            token=3,
            jobs=(job,),
        ),
        SchedulerStarted(timestamp=NOW),
        JobReleased(
            timestamp=NOW,
            job_id=UUID(int=1),
            scheduler_id="s",
            task_id="t",
            schedule_id=None,
            outcome=JobOutcome.error,
            exception_traceback=["line\n"],
        ),
    ]


@pytest.mark.parametrize("model", models(), ids=lambda model: type(model).__name__)
def test_models_round_trip(serializer: Serializer, model: Any) -> None:
    back = serializer.deserialize(serializer.serialize(model))
    assert back == model
    assert type(back) is type(model)
    if isinstance(model, Job):
        assert back.token == 7
        assert back.scheduled_fire_time.fold == 1


def test_every_class_of_events_is_known(strict: Serializer) -> None:
    """A new event must not be forgotten."""
    import rota.model

    classes = [
        cls
        for cls in vars(rota.model).values()
        if isinstance(cls, type) and issubclass(cls, Event) and cls is not Event
    ]
    assert len(classes) >= 18
    registry = strict.registry  # type: ignore[attr-defined]
    assert [cls for cls in classes if registry.by_class(cls) is None] == []


def test_same_set_gives_same_bytes(strict: Serializer) -> None:
    """Bytes are compared in order to tell whether a definition has changed."""
    forward = {f"item {n}" for n in range(100)}
    backward = {f"item {n}" for n in reversed(range(100))}
    assert strict.serialize(forward) == strict.serialize(backward)
