"""What triggers cost, on each backend. A benchmark of `next()` is a hundred calls on a fresh copy."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from rota.model import CoalescePolicy
from rota.triggers.calendarinterval import CalendarIntervalTrigger
from rota.triggers.combining import AndTrigger, OrTrigger
from rota.triggers.cron import CronTrigger
from rota.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from rota.abc import Trigger

PATTERNS = (
    "* * * * *",
    "*/5 * * * *",
    "0 9 * * mon-fri",
    "30 4 1,15 * *",
    "0 0 29 2 *",
    "0 12 * * 5#3",
)
ZONE = "Europe/Berlin"
START = datetime(2026, 1, 1, tzinfo=ZoneInfo(ZONE))

pytestmark = pytest.mark.usefixtures("backend")


def a_hundred_times(trigger: Trigger) -> datetime | None:
    step = trigger.copy().next
    for _ in range(99):
        step()
    return step()


def cron(**fields: str | int) -> CronTrigger:
    return CronTrigger(**fields, start_time=START, timezone=ZONE)  # type: ignore[arg-type]  # fields only


@pytest.mark.parametrize("zone", ["UTC", ZONE])
@pytest.mark.parametrize("expression", PATTERNS)
def test_next_cron(benchmark: BenchmarkFixture, expression: str, zone: str) -> None:
    start = START.astimezone(ZoneInfo(zone))
    trigger = CronTrigger.from_crontab(expression, start_time=start, timezone=zone)
    trigger.next()
    assert benchmark(a_hundred_times, trigger) is not None


@pytest.mark.parametrize(
    "trigger",
    [
        pytest.param(lambda: IntervalTrigger(minutes=5, start_time=START), id="interval"),
        pytest.param(
            lambda: CalendarIntervalTrigger(
                months=1, hour=10, start_date=date(2026, 1, 1), timezone=ZONE
            ),
            id="calendar interval",
        ),
        pytest.param(
            lambda: OrTrigger(
                cron(day_of_week="mon-fri", hour=10), cron(day_of_week="sat-sun", hour=11)
            ),
            id="or",
        ),
        pytest.param(
            lambda: AndTrigger(
                CalendarIntervalTrigger(
                    months=2, hour=10, start_date=date(2026, 1, 7), timezone=ZONE
                ),
                cron(day_of_week="mon-fri", hour=10),
            ),
            id="and",
        ),
    ],
)
def test_next(benchmark: BenchmarkFixture, trigger: type[Trigger]) -> None:
    made = trigger()
    made.next()
    assert benchmark(a_hundred_times, made) is not None


def test_construct_cron(benchmark: BenchmarkFixture) -> None:
    def construct() -> datetime | None:
        return CronTrigger.from_crontab("0 9 * * mon-fri", start_time=START, timezone=ZONE).next()

    assert benchmark(construct) == START.replace(hour=9)


def test_next_n(benchmark: BenchmarkFixture) -> None:
    trigger = cron(minute="*/5")
    assert len(benchmark(trigger.preview, 1000)) == 1000


def test_due_latest_after_a_year(benchmark: BenchmarkFixture) -> None:
    trigger = cron(second="*")
    pending, now = trigger.next(), START.replace(year=2027)
    assert pending is not None

    def due() -> tuple[list[datetime], datetime | None]:
        return trigger.copy().due(pending, now, CoalescePolicy.latest, 1)

    assert benchmark(due) == ([now], now + timedelta(seconds=1))


def test_due_all_of_an_hour(benchmark: BenchmarkFixture) -> None:
    def due() -> list[datetime]:
        trigger = cron(second="*")
        pending = trigger.next()
        assert pending is not None
        return trigger.due(pending, START + timedelta(hours=1), CoalescePolicy.all, 1000)[0]

    assert len(benchmark(due)) == 1000
