"""Which triggers are the same rule, though they were made at different times."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from rota import (
    AndTrigger,
    CalendarIntervalTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
)
from rota.serializers.cbor import CBORSerializer
from rota.serializers.json import JSONSerializer
from rota.testing import VirtualClock, use_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from rota.abc import Trigger

TODAY = datetime(2025, 1, 1, tzinfo=timezone.utc)
LATER = TODAY + timedelta(days=3, hours=5)

STARTING_NOW = [
    lambda: IntervalTrigger(hours=1),
    lambda: CronTrigger(hour=3),
    lambda: CronTrigger.from_crontab("@daily"),
    lambda: CalendarIntervalTrigger(months=1),
    lambda: OrTrigger(CronTrigger(hour=3), IntervalTrigger(hours=1)),
    lambda: AndTrigger(OrTrigger(CronTrigger(hour=3)), CronTrigger(hour=3)),
]
NAMES = ["interval", "cron", "crontab", "calendar-interval", "or", "nested"]


def made(make: Callable[[], Trigger], at: datetime) -> Trigger:
    with use_clock(VirtualClock(at)):
        return make()


@pytest.mark.parametrize("make", STARTING_NOW, ids=NAMES)
def test_start_left_open_does_not_count(make: Callable[[], Trigger]) -> None:
    one, other = made(make, TODAY), made(make, LATER)
    assert one != other
    assert one.same_rule(other)


@pytest.mark.parametrize("make", STARTING_NOW, ids=NAMES)
def test_what_was_left_open_is_known_after_copying_and_storing(make: Callable[[], Trigger]) -> None:
    one, other = made(make, TODAY), made(make, LATER)
    one.next()
    cbor, json = CBORSerializer(), JSONSerializer()
    assert one.copy().same_rule(other)
    assert one.at(None).same_rule(other)
    assert pickle.loads(pickle.dumps(one)).same_rule(other)
    assert cbor.deserialize(cbor.serialize(one)).same_rule(other)
    assert json.deserialize(json.serialize(one)).same_rule(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (IntervalTrigger(hours=1, start_time=TODAY), IntervalTrigger(hours=1, start_time=LATER)),
        (IntervalTrigger(hours=1, start_time=TODAY), IntervalTrigger(hours=1)),
        (CronTrigger(hour=3), CronTrigger(hour=4)),
        (CronTrigger(hour=3), CronTrigger(hour=3, timezone="Asia/Tokyo")),
        (CronTrigger(hour=3, start_time=TODAY), CronTrigger(hour=3, start_time=LATER)),
        (DateTrigger(TODAY), DateTrigger(LATER)),
        (OrTrigger(CronTrigger(hour=3)), OrTrigger(CronTrigger(hour=3), CronTrigger(hour=3))),
        (OrTrigger(CronTrigger(hour=3)), AndTrigger(CronTrigger(hour=3))),
        (AndTrigger(CronTrigger(hour=3)), AndTrigger(CronTrigger(hour=3), threshold=5)),
    ],
    ids=[
        "starts",
        "given-and-open",
        "hour",
        "zone",
        "cron-starts",
        "date",
        "number",
        "kind",
        "threshold",
    ],
)
def test_other_definitions_are_other_rules(one: Trigger, other: Trigger) -> None:
    assert not one.same_rule(other)
