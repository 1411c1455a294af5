"""Cron against brute force, near the transitions of all zones."""

from __future__ import annotations

import os
import random
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from rota.triggers import CronTrigger
from tests.strategies import ALL_ZONES, SPECIAL_ZONES
from tests.triggers.oracle import Expression, transitions, walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rota._backend import Core
    from rota.triggers.cron import Gap, Overlap

EXPRESSIONS = [
    "* * * * *",
    "*/7 * * * *",
    "30 * * * *",
    "*/20 0-3 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "15,45 1 * * *",
    "30 2 * * *",
    "0 3 * * *",
    "59 23 * * *",
    "30 1-5 * * *",
    "0 0-23/2 * * *",
    "0 12 * * *",
    "0 0 L * *",
    "0 2 * * sun",
    "45 23 * * 5L",
    "17 1 8-14 * *",
]
POLICIES: list[tuple[Gap, Overlap]] = [
    ("auto", "auto"),
    ("skip", "both"),
    ("skip", "first"),
    ("skip", "second"),
    ("shift_to_gap_end", "first"),
    ("shift_to_gap_end", "second"),
    ("shift_to_gap_end", "both"),
]
#: Drawn anew in each run of the long tests; the test's id tells it.
SEED = (
    random.Random().getrandbits(32) if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 20261124
)


def assert_as_by_brute_force(
    zone: ZoneInfo, change: datetime, text: str, gap: Gap, overlap: Overlap, around: timedelta
) -> None:
    # Whole minutes of the wall clock before the change, as the offsets may have seconds.
    start = (
        (change - around).astimezone(zone).replace(second=0, microsecond=0).astimezone(timezone.utc)
    )
    end = change + around
    expected = list(walk(Expression(text), zone, start, end, gap, overlap))
    trigger = CronTrigger.from_crontab(
        text, start_time=start, end_time=end, timezone=zone, gap=gap, overlap=overlap
    )
    found = [moment.astimezone(timezone.utc) for moment in trigger.next_n(len(expected) + 1)]
    assert found == expected, (zone.key, change.isoformat(), text, gap, overlap)


def changes_in_whole_minutes(zone: ZoneInfo, first_year: int, last_year: int) -> Iterable[datetime]:
    """Yield transitions that a walk by minutes reads right."""
    for change in transitions(zone, first_year, last_year):
        offsets = [
            near.astimezone(zone).utcoffset() for near in (change - timedelta(seconds=1), change)
        ]
        if change.second == 0 and all(
            offset.seconds % 60 == 0 for offset in offsets if offset is not None
        ):
            yield change


@pytest.mark.parametrize("key", SPECIAL_ZONES)
def test_cron_near_transitions_of_special_zones(backend: Core, key: str) -> None:
    draw = random.Random(f"{SEED} {key}")
    zone = ZoneInfo(key)
    for change in changes_in_whole_minutes(zone, 1970, 2045):
        if draw.random() < 0.15 or change.year in (1975, 1999, 2011, 2024):
            gap, overlap = draw.choice(POLICIES)
            around = timedelta(hours=26 if key == "Pacific/Apia" else 7)
            assert_as_by_brute_force(zone, change, draw.choice(EXPRESSIONS), gap, overlap, around)


@pytest.mark.parametrize("part", range(10))
def test_cron_near_transitions_of_all_zones(backend: Core, part: int) -> None:
    draw = random.Random(f"{SEED} {part}")
    keys = ALL_ZONES[part::10]
    if os.environ.get("HYPOTHESIS_PROFILE") != "fuzz":
        keys = draw.sample(keys, 15)
    checked = 0
    for key in keys:
        zone = ZoneInfo(key)
        year = draw.randrange(1970, 2090)
        for change in changes_in_whole_minutes(zone, year, year + 3):
            gap, overlap = draw.choice(POLICIES)
            assert_as_by_brute_force(
                zone, change, draw.choice(EXPRESSIONS), gap, overlap, timedelta(hours=5)
            )
            checked += 1
    assert checked > 0


@pytest.mark.parametrize(("gap", "overlap"), POLICIES)
@pytest.mark.parametrize("text", EXPRESSIONS)
def test_cron_over_days_around_both_transitions_of_berlin(
    backend: Core, text: str, gap: Gap, overlap: Overlap
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    for change in transitions(zone, 2026, 2026):
        assert_as_by_brute_force(zone, change, text, gap, overlap, timedelta(hours=27))


def test_cron_by_seconds_where_an_offset_has_seconds(backend: Core) -> None:
    zone = ZoneInfo("Africa/Monrovia")  # -0:44:30 until 1972
    (change,) = transitions(zone, 1972, 1972)
    step = timedelta(seconds=1)
    for text in ("*/30 * * * * *", "30 0 1 * * *", "15 44 0 * * *", "0 30 0 * * *"):
        for gap, overlap in POLICIES:
            start, end = change - timedelta(hours=1), change + timedelta(hours=2)
            expected = list(walk(Expression(text), zone, start, end, gap, overlap, step))
            trigger = CronTrigger.from_crontab(
                text,
                start_time=start,
                end_time=end,
                timezone=zone,
                gap=gap,
                overlap=overlap,
                seconds=True,
            )
            assert [
                moment.astimezone(timezone.utc) for moment in trigger.next_n(10_000)
            ] == expected
