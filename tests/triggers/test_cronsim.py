"""Cron against cronsim 2, which follows Debian's cron as the policy `auto` does.

Where they differ, rota does what its documentation says; each difference that is known stands in `DIFFERENCES` with
its reason, and is left out of the comparison at large.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, strategies as st

from rota.triggers import CronTrigger
from tests.strategies import ALL_ZONES, SECOND, SPECIAL_ZONES, transitions_of, tzinfo_of

if TYPE_CHECKING:
    from rota._backend import Core

cronsim = pytest.importorskip("cronsim", reason="cronsim needs Python 3.11")

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
COUNT = 30
WORDS = ["*", "*", "*", "1-5", "mon", "fri-sat", "0", "7", "6,0", "5#3", "5L"]

zones = st.sampled_from(SPECIAL_ZONES) | st.sampled_from(ALL_ZONES)


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> str:
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    step = draw(st.integers(1, 6))
    forms = ["*", "*", f"*/{draw(st.integers(1, high))}", f"{first}", f"{first},{last}"]
    if first < last:
        forms += [f"{first}-{last}", f"{first}-{last}/{step}"]
    return draw(st.sampled_from(forms))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    day = draw(st.sampled_from(["*", "*", "*", "L", "LW", "15,L"]) | fields(1, 31))
    month = draw(st.just("*") | fields(1, 12))
    weekday = draw(st.sampled_from(WORDS))
    return f"{draw(fields(0, 59))} {draw(fields(0, 23))} {day} {month} {weekday}"


@st.composite
def starts(draw: st.DrawFn, zone: str) -> datetime:
    """Draw whole minutes from 1990 to 2090, most of them up to three days before a transition."""
    first, last = (
        int((datetime(year, 1, 1, tzinfo=timezone.utc) - EPOCH).total_seconds()) // 60
        for year in (1990, 2090)
    )
    changes: list[int] = [
        at // SECOND // 60 for at in transitions_of(zone) if first <= at // SECOND // 60 < last
    ]
    minutes = draw(st.integers(first, last))
    near = draw(st.booleans())
    if near and changes:
        minutes = draw(st.sampled_from(changes)) - draw(st.integers(0, 3 * 1440))
    return EPOCH + timedelta(minutes=minutes)


def by_cronsim(expression: str, zone: str, start: datetime) -> list[datetime]:
    found = islice(cronsim.CronSim(expression, start.astimezone(tzinfo_of(zone))), COUNT)
    return [moment.astimezone(timezone.utc) for moment in found]


def by_rota(expression: str, zone: str, start: datetime, count: int) -> list[datetime]:
    trigger = CronTrigger.from_crontab(
        expression, zone, start_time=start + MICROSECOND, either_day=True
    )
    return [moment.astimezone(timezone.utc) for moment in trigger.next_n(count)]


def has_a_transition_unlike_others(zone: str, start: datetime, end: datetime) -> bool:
    """Tell whether the clock is set by other than whole hours, or from before midnight to after it."""
    tz = tzinfo_of(zone)
    for at in transitions_of(zone):
        change = EPOCH + at * MICROSECOND
        if start <= change <= end + timedelta(days=1):
            before = (change - timedelta(seconds=1)).astimezone(tz).replace(
                tzinfo=None
            ) + timedelta(seconds=1)
            after = change.astimezone(tz).replace(tzinfo=None)
            if (after - before) % timedelta(hours=1) or before.minute or before.second:
                return True
            if before < after and (before.hour == 0 or before.date() != after.date()):
                return True
    return False


@given(st.data(), expressions(), zones)
def test_cron_is_as_cronsim_says(
    backend: Core, data: st.DataObject, expression: str, zone: str
) -> None:
    start = data.draw(starts(zone))
    try:
        expected = by_cronsim(expression, zone, start)
    except cronsim.CronSimError:
        # It refuses what can never match.
        assert by_rota(expression, zone, start, 1) == []
        return
    assume(expected)
    assume(not has_a_transition_unlike_others(zone, start, expected[-1]))
    assert by_rota(expression, zone, start, len(expected)) == expected


#: The reason, the expression, the zone, a start, and the first fire times of cronsim and of rota, in the zone.
DIFFERENCES = [
    (
        "cronsim leaps to the next hour by sixty minutes, so that after a change by half an hour it misses :00 to :30",
        ("* 19 * 4 *", "Australia/Lord_Howe", "2012-03-30T00:00:00Z"),
        ["2012-04-01T19:30", "2012-04-01T19:31"],
        ["2012-04-01T19:00", "2012-04-01T19:01"],
    ),
    (
        "where midnight is skipped, cronsim starts the day at the end of the gap also if the trigger is a wildcard",
        ("*/20 0,20 * * 0", "America/Santiago", "2026-09-05T00:00:00Z"),
        ["2026-09-06T01:00", "2026-09-06T20:00"],
        ["2026-09-06T20:00", "2026-09-06T20:20"],
    ),
    (
        "cronsim reads a range of one value with a step as one that is open",
        ("0 12-12/4 * * *", "UTC", "2026-01-01T00:00:00Z"),
        ["2026-01-01T12:00", "2026-01-01T16:00"],
        ["2026-01-01T12:00", "2026-01-02T12:00"],
    ),
]


@pytest.mark.parametrize(
    ("reason", "case", "cronsim", "rota"), DIFFERENCES, ids=["half-hour", "midnight", "one-value"]
)
def test_difference_to_cronsim_is_known(
    backend: Core, reason: str, case: tuple[str, str, str], cronsim: list[str], rota: list[str]
) -> None:
    expression, zone, text = case
    start = datetime.fromisoformat(text.replace("Z", "+00:00"))

    def shown(moments: list[datetime]) -> list[str]:
        return [f"{moment.astimezone(tzinfo_of(zone)):%Y-%m-%dT%H:%M}" for moment in moments[:2]]

    assert shown(by_cronsim(expression, zone, start)) == cronsim, reason
    assert shown(by_rota(expression, zone, start, 2)) == rota, reason


@pytest.mark.parametrize(
    ("expression", "fires"),
    [
        ("0 0 * * sat-sun", True),
        ("0 0 31 11 *", False),
        ("0 0 ? * 1", True),
    ],
    ids=["sunday-ends-a-range", "never", "question-mark"],
)
def test_cronsim_refuses_what_rota_reads(expression: str, fires: bool) -> None:
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    try:
        by_cronsim(expression, "UTC", start)
    except cronsim.CronSimError:
        pass
    else:
        pytest.fail("cronsim reads it: move it to the comparison")
    assert bool(by_rota(expression, "UTC", start, 1)) == fires
