"""What users bring along: text of their own types, derived classes, time zones of their own making."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone, tzinfo
from enum import Enum, IntEnum
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest

from rota.triggers import CalendarIntervalTrigger, CronTrigger, IntervalTrigger


class Choice(str, Enum):
    first = "first"
    skip = "skip"


def test_choices_of_users_own_types_are_kept_as_text() -> None:
    """Whatever equals a choice is that choice, for this trigger and for others of the same rule."""
    kind: Any = CronTrigger
    for given in (Choice.first, "first"):
        trigger = kind(minute=7, gap=Choice.skip, overlap=given, timezone="UTC")
        assert (type(trigger.overlap), type(trigger.gap)) == (str, str)
        assert b"Choice" not in pickle.dumps(trigger)


class Hour(int, Enum):
    nine = 9


class Minute(IntEnum):
    thirty = 30


def test_integers_of_users_own_types_are_kept_as_plain_ones() -> None:
    cron = CronTrigger(hour=Hour.nine, minute=Minute.thirty, timezone="UTC")
    assert (cron.hour, cron.minute) == ("9", "30")
    calendar = CalendarIntervalTrigger(days=1, hour=Hour.nine, timezone="UTC")
    assert type(calendar.hour) is int
    assert b"Hour" not in pickle.dumps(calendar)
    with pytest.raises(ValueError, match=r"^hour must be in 0-23, got: "):
        CronTrigger(hour=Minute.thirty, timezone="UTC")


@attrs.define(kw_only=True)
class Noted(IntervalTrigger):
    notes: list[str] = attrs.field(factory=list)

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)

    def __attrs_post_init__(self) -> None:
        if self.interval < timedelta(minutes=1):
            raise ValueError("too often")


def test_fields_that_a_derived_class_adds_are_initialized() -> None:
    kind: Any = Noted  # attrs' plugin for mypy knows only the fields that it adds
    trigger = kind(minutes=5, start_time="2026-01-01T00:00:00Z")
    trigger.notes.append("note")
    assert pickle.loads(pickle.dumps(trigger)).interval == timedelta(minutes=5)
    assert trigger.copy().notes == ["note"]
    with pytest.raises(ValueError, match="too often"):
        kind(seconds=1)


class Unfolded(tzinfo):
    """Summer time until 2025-10-26 01:00 UTC; what is read twice is summer time, whatever the fold says."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        assert moment is not None
        summer = moment.replace(tzinfo=None) < datetime(2025, 10, 26, 3)  # noqa: DTZ001 - of wall times
        return timedelta(hours=2 if summer else 1)

    def dst(self, moment: datetime | None) -> timedelta:
        return self.utcoffset(moment) - timedelta(hours=1)

    def tzname(self, moment: datetime | None) -> str:
        return "unfolded"


def test_start_in_a_zone_that_knows_no_fold_is_where_the_zone_has_it(backend: object) -> None:
    zone = Unfolded()
    start = datetime(2025, 10, 26, 3, 30, tzinfo=zone)
    first = CronTrigger(minute="*/10", timezone=zone, start_time=start).next()
    assert first is not None
    assert first.astimezone(timezone.utc) == start.astimezone(timezone.utc)


class Ahead(ZoneInfo):
    """A zone of the database, half an hour ahead of what is in its file."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        offset = super().utcoffset(moment)
        return None if offset is None else offset + timedelta(minutes=30)

    def fromutc(self, moment: datetime) -> datetime:
        return super().fromutc(moment) + timedelta(minutes=30)


def test_offsets_of_a_class_derived_from_zoneinfo_are_those_that_it_tells(backend: object) -> None:
    zone = Ahead("Europe/Berlin")
    trigger = CronTrigger(hour=9, timezone=zone, start_time="2026-01-01T00:00:00Z")
    moments = trigger.preview(2)
    assert [moment.isoformat()[10:] for moment in moments] == ["T09:00:00+01:30"] * 2
    assert [moment.timestamp() * 1e6 for moment in moments] == list(trigger.next_micros(2))
