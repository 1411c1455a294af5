"""The facts about time that users ask for: what fires where clocks are changed, by each policy."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from rota.testing import VirtualClock, use_clock
from rota.triggers import (
    CalendarIntervalTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    cron as cron_module,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rota.abc import Trigger
    from rota.triggers.cron import Gap, Overlap

SPRING, AUTUMN = "2026-03-29", "2026-10-25"
#: What APScheduler 4 does: every instant whose wall clock matches.
APSCHEDULER4: tuple[Gap, Overlap] = ("skip", "both")


def on(day: str, trigger: Trigger) -> list[str]:
    """Return the wall times and offsets of the fire times of a day."""
    found = []
    while (moment := trigger.next()) is not None and moment.date().isoformat() <= day:
        if moment.date().isoformat() == day:
            found.append(f"{moment:%H:%M%z}".removesuffix("00"))
    return found


def berlin(line: str, day: str, gap: Gap | None = None, overlap: Overlap | None = None) -> Trigger:
    return CronTrigger.from_crontab(
        line, "Europe/Berlin", start_time=f"{day}T00:00:00", gap=gap, overlap=overlap
    )


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (None, ["03:00+02"]),
        ("auto", ["03:00+02"]),
        ("shift_to_gap_end", ["03:00+02"]),
        ("skip", []),
    ],
)
def test_fixed_time_in_the_gap_of_berlin(
    backend: object, gap: Gap | None, expected: list[str]
) -> None:
    assert on(SPRING, berlin("30 2 * * *", SPRING, gap)) == expected


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (None, ["02:30+02"]),
        ("auto", ["02:30+02"]),
        ("first", ["02:30+02"]),
        ("second", ["02:30+01"]),
        ("both", ["02:30+02", "02:30+01"]),
    ],
)
def test_fixed_time_in_the_overlap_of_berlin(
    backend: object, overlap: Overlap | None, expected: list[str]
) -> None:
    trigger = berlin("30 2 * * *", AUTUMN, overlap=overlap)
    moments = trigger.preview(2)
    assert on(AUTUMN, trigger) == expected
    assert [moment.fold for moment in moments if moment.date().isoformat() == AUTUMN] == [
        int(text.endswith("+01")) for text in expected
    ]


def test_wildcard_follows_real_time(backend: object) -> None:
    assert on(SPRING, berlin("30 * * * *", SPRING))[:4] == [
        "00:30+01",
        "01:30+01",
        "03:30+02",
        "04:30+02",
    ]
    autumn = on(AUTUMN, berlin("30 * * * *", AUTUMN))
    assert autumn[1:5] == ["01:30+02", "02:30+02", "02:30+01", "03:30+01"]
    assert len(autumn) == 25
    assert len(on(AUTUMN, berlin("*/20 2 * * *", AUTUMN))) == 6
    assert on(SPRING, berlin("*/20 2 * * *", SPRING)) == []


def test_several_times_in_one_gap_fire_once_at_its_end(backend: object) -> None:
    assert on(SPRING, berlin("0,15,30 2,3 * * *", SPRING)) == ["03:00+02", "03:15+02", "03:30+02"]
    assert on(SPRING, berlin("30 1-4 * * *", SPRING)) == [
        "01:30+01",
        "03:00+02",
        "03:30+02",
        "04:30+02",
    ]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/Santiago", "2025-09-07"),
        ("America/Asuncion", "2023-10-01"),
        ("Africa/Cairo", "2024-04-26"),
        ("Asia/Beirut", "2024-03-31"),
    ],
)
def test_midnight_that_is_skipped_does_not_lose_the_day(
    backend: object, zone: str, day: str
) -> None:
    trigger = CronTrigger.from_crontab(
        "@daily", zone, start_time=datetime.fromisoformat(day) - timedelta(days=3)
    )
    days = trigger.next_n(7)
    assert [later.date() - earlier.date() for earlier, later in pairwise(days)] == [
        timedelta(days=1)
    ] * 6
    (that,) = [moment for moment in days if moment.date().isoformat() == day]
    assert that.hour == 1


def test_apscheduler4_rule_is_every_matching_reading_of_the_clock(backend: object) -> None:
    assert on(SPRING, berlin("30 2 * * *", SPRING, *APSCHEDULER4)) == []
    assert on(AUTUMN, berlin("30 2 * * *", AUTUMN, *APSCHEDULER4)) == ["02:30+02", "02:30+01"]
    santiago = CronTrigger.from_crontab(
        "@daily", "America/Santiago", start_time="2025-09-06T12:00:00", gap="skip", overlap="both"
    )
    assert [f"{moment:%m-%d %H}" for moment in santiago.next_n(2)] == ["09-08 00", "09-09 00"]


@pytest.fixture
def apscheduler4_default() -> Iterator[None]:
    cron_module.set_default_policies(*APSCHEDULER4)
    yield
    cron_module.set_default_policies("auto", "auto")


@pytest.mark.usefixtures("apscheduler4_default")
def test_default_policies_can_be_those_of_apscheduler4_and_are_stored() -> None:
    trigger = CronTrigger(hour=2, minute=30, timezone="Europe/Berlin")
    assert (trigger.gap, trigger.overlap) == APSCHEDULER4
    state = trigger.__getstate__()
    assert (state["gap"], state["overlap"]) == APSCHEDULER4
    told = CronTrigger(hour=2, timezone="Europe/Berlin", gap="auto", overlap="first")
    assert (told.gap, told.overlap) == ("auto", "first")
    assert pickle.loads(pickle.dumps(told)) == told


def test_policies_are_stored_whatever_the_default_is_later(apscheduler4_default: None) -> None:
    made = pickle.dumps(CronTrigger(hour=2, timezone="Europe/Berlin"))
    cron_module.set_default_policies("auto", "auto")
    again = pickle.loads(made)
    assert (again.gap, again.overlap) == APSCHEDULER4


def test_interval_is_of_real_time_across_both_transitions(backend: object) -> None:
    for day in (SPRING, AUTUMN):
        start = datetime.fromisoformat(f"{day}T00:30:00").replace(tzinfo=ZoneInfo("Europe/Berlin"))
        moments = IntervalTrigger(minutes=30, start_time=start).next_n(12)
        assert {
            later.astimezone(timezone.utc) - earlier.astimezone(timezone.utc)
            for earlier, later in pairwise(moments)
        } == {timedelta(minutes=30)}
    assert [f"{moment:%H:%M%z}" for moment in moments[3:8]] == [
        "02:00+0200",
        "02:30+0200",
        "02:00+0100",
        "02:30+0100",
        "03:00+0100",
    ]


def test_calendar_interval_skips_dates_that_lack_the_time_and_fires_once_where_it_is_repeated(
    backend: object,
) -> None:
    def daily(start: str) -> CalendarIntervalTrigger:
        return CalendarIntervalTrigger(
            days=1, hour=2, minute=30, start_date=start, timezone="Europe/Berlin"
        )

    assert [f"{moment:%d %H:%M%z}" for moment in daily("2026-03-28").next_n(2)] == [
        "28 02:30+0100",
        "30 02:30+0200",
    ]
    assert [f"{moment:%d %H:%M%z}" for moment in daily("2026-10-24").next_n(3)] == [
        "24 02:30+0200",
        "25 02:30+0200",
        "26 02:30+0100",
    ]


def test_calendar_interval_keeps_the_day_of_the_month(backend: object) -> None:
    trigger = CalendarIntervalTrigger(months=1, start_date="2026-01-31", timezone="UTC")
    assert [f"{moment:%m-%d}" for moment in trigger.next_n(5)] == [
        "01-31",
        "03-31",
        "05-31",
        "07-31",
        "08-31",
    ]
    leap = CalendarIntervalTrigger(years=1, start_date="2024-02-29", timezone="UTC")
    assert [moment.year for moment in leap.next_n(3)] == [2024, 2028, 2032]


@pytest.mark.parametrize(
    ("zone", "start", "line", "expected"),
    [
        (
            "Australia/Lord_Howe",
            "2026-04-05T01:00:00",
            "*/15 1 * * *",
            ["01:00", "01:15", "01:30", "01:45", "01:30", "01:45"],
        ),
        ("Australia/Lord_Howe", "2026-10-04T00:00:00", "15 2 * * *", ["02:30"]),
        ("Antarctica/Troll", "2026-03-29T00:00:00", "30 1 * * *", ["03:00"]),
        ("Antarctica/Troll", "2026-03-29T00:00:00", "30 2 * * *", ["03:00"]),
        ("Africa/Casablanca", "2026-02-15T00:00:00", "30 2 * * *", ["02:30"]),
    ],
    ids=["half-hour-back", "half-hour-forward", "two-hours", "two-hours-late", "negative"],
)
def test_transitions_that_are_not_one_hour(
    backend: object, zone: str, start: str, line: str, expected: list[str]
) -> None:
    trigger = CronTrigger.from_crontab(line, zone, start_time=start)
    assert [f"{moment:%H:%M}" for moment in trigger.next_n(len(expected))] == expected


def test_day_that_apia_left_out(backend: object) -> None:
    def apia(line: str, gap: Gap = "auto") -> list[str]:
        trigger = CronTrigger.from_crontab(
            line, "Pacific/Apia", start_time="2011-12-29T00:00:00", gap=gap
        )
        return [f"{moment:%d %H:%M}" for moment in trigger.next_n(3)]

    assert apia("0 12 * * *") == ["29 12:00", "31 00:00", "31 12:00"]
    assert apia("0 12 * * *", "skip") == ["29 12:00", "31 12:00", "01 12:00"]
    assert apia("0 */12 * * *") == ["29 00:00", "29 12:00", "31 00:00"]
    every_hour = IntervalTrigger(
        hours=1, start_time=datetime(2011, 12, 29, 22, tzinfo=ZoneInfo("Pacific/Apia"))
    )
    assert [f"{moment:%d %H}" for moment in every_hour.next_n(3)] == ["29 22", "29 23", "31 00"]


def test_naive_times_are_in_the_zone_of_the_trigger() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    trigger = CronTrigger(hour=5, timezone=tokyo, start_time=datetime(2026, 1, 1, 6))  # noqa: DTZ001
    assert trigger.start_time == datetime(2026, 1, 1, 6, tzinfo=tokyo)
    assert trigger.next() == datetime(2026, 1, 2, 5, tzinfo=tokyo)


def test_naive_times_without_a_zone_are_local() -> None:
    with use_clock(VirtualClock(datetime(2026, 1, 1, tzinfo=timezone.utc))):
        local = DateTrigger("2026-06-01T12:00:00").run_time
        assert IntervalTrigger(hours=1, start_time="2026-06-01T12:00:00").start_time == local
    assert local.utcoffset() is not None


def test_fold_of_a_naive_time_is_kept(backend: object) -> None:
    for fold, offset in ((0, 2), (1, 1)):
        wall = datetime(2026, 10, 25, 2, 30, fold=fold)  # noqa: DTZ001 - in the zone of the trigger
        trigger = CronTrigger(minute="*/30", timezone="Europe/Berlin", start_time=wall)
        moment = trigger.next()
        assert moment is not None
        assert (moment.fold, moment.utcoffset()) == (fold, timedelta(hours=offset))


def test_passes_of_an_overlap_are_different_starts() -> None:
    zone = ZoneInfo("Europe/Berlin")
    first, second = (
        IntervalTrigger(hours=1, start_time=datetime(2026, 10, 25, 2, 30, tzinfo=zone, fold=fold))
        for fold in (0, 1)
    )
    assert first != second
    assert not first.same_rule(second)
    assert eval(repr(second), {"IntervalTrigger": IntervalTrigger}) == second


@pytest.mark.parametrize(
    "make",
    [partial(IntervalTrigger, minutes=10), partial(CronTrigger, minute="*", timezone="UTC")],
    ids=["interval", "cron"],
)
def test_bounds_within_an_overlap_are_ordered_as_instants(make: Callable[..., Trigger]) -> None:
    zone = ZoneInfo("Europe/Berlin")
    earlier = datetime(2026, 10, 25, 2, 45, tzinfo=zone)
    later = datetime(2026, 10, 25, 2, 15, fold=1, tzinfo=zone)
    assert make(start_time=earlier, end_time=later).remaining(later) > 0
    with pytest.raises(ValueError, match="end_time must not be earlier than start_time"):
        make(start_time=later, end_time=earlier)
