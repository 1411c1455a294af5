"""What is not a trigger is refused at once, by an error whose text names the field and quotes the value."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rota import RotaError
from rota.triggers import (
    AndTrigger,
    CalendarIntervalTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
)
from rota.triggers._definition import quote

DAILY = CronTrigger(hour=1, timezone="UTC", start_time="2025-01-01T00:00:00Z")


class NoOffset(tzinfo):
    def utcoffset(self, moment: datetime | None) -> None:
        return None


#: What the lines of the table know by name.
NAMES = {
    "AndTrigger": AndTrigger,
    "BERLIN": ZoneInfo("Europe/Berlin"),
    "CalendarIntervalTrigger": CalendarIntervalTrigger,
    "CronTrigger": CronTrigger,
    "DAILY": DAILY,
    "DateTrigger": DateTrigger,
    "IntervalTrigger": IntervalTrigger,
    "NoOffset": NoOffset,
    "OrTrigger": OrTrigger,
    "ZoneInfo": ZoneInfo,
    "date": date,
    "datetime": datetime,
    "math": math,
    "time": time,
    "timedelta": timedelta,
    "timezone": timezone,
}


def read_table() -> list[tuple[str, str, str]]:
    """Return the source, the type of the error and its text of each line."""
    lines = (Path(__file__).parent / "hostile.txt").read_text(encoding="ascii").splitlines()
    rows = []
    for line in lines:
        if not line.startswith("#"):
            source, _, error = line.partition(" ! ")
            kind, _, message = error.partition(": ")
            rows.append((source, kind, message))
    return rows


TABLE = read_table()


def test_table_has_many_rows_and_each_once() -> None:
    sources = [source for source, _, _ in TABLE]
    assert len(sources) >= 200
    assert len(set(sources)) == len(sources)


@pytest.mark.parametrize(("source", "kind", "message"), TABLE, ids=[row[0][:60] for row in TABLE])
def test_what_is_no_trigger_is_refused(source: str, kind: str, message: str) -> None:
    with pytest.raises(RotaError) as caught:
        eval(source, dict(NAMES))
    assert kind in [each.__name__ for each in type(caught.value).__mro__]
    assert str(caught.value) == message


def test_messages_stay_short() -> None:
    assert max(len(message) for source, _, message in TABLE if "U0001f600" not in source) < 200
    assert quote("x" * 10**6) == f"'{'x' * 40}'... (1000000 characters)"
    assert quote("\n\x1b[31m") == r"'\n\x1b[31m'"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version of a stored trigger must be 1, got: 2"),
        ({"version": None}, "version of a stored trigger must be 1, got: None"),
        ({"hour": "25"}, "hour must be in 0-23, got: 25"),
        ({"timezone": "Nowhere"}, "timezone must be an IANA name, got: 'Nowhere'"),
        ({"gap": "jump"}, "gap must be one of auto, skip, shift_to_gap_end, got: 'jump'"),
    ],
    ids=["version", "no-version", "hour", "zone", "policy"],
)
def test_stored_state_is_checked_like_what_is_given(change: dict[str, Any], message: str) -> None:
    state = DAILY.__getstate__() | change
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is compared
        CronTrigger.__new__(CronTrigger).__setstate__(state)
    assert str(caught.value) == message


@pytest.mark.parametrize("position", ["1", True, 1.5, [1], 1 << 80, -(1 << 80)], ids=repr)
def test_position_that_does_not_fit_is_refused(backend: object, position: object) -> None:
    with pytest.raises(ValueError, match=r"^state must be None or an instant"):
        DAILY.at(None).at(position)
    stored = CronTrigger.__new__(CronTrigger)
    stored.__setstate__(DAILY.__getstate__() | {"cursor": position})
    with pytest.raises(ValueError, match=r"^state must be None or an instant"):
        stored.next()


def test_trigger_is_not_changed_by_assignment() -> None:
    with pytest.raises(AttributeError):
        setattr(DAILY, "hour", "2")  # noqa: B010 - type checkers refuse the other form


@pytest.mark.parametrize("lookalike", [True, 1.0])
def test_what_equals_something_accepted_before_is_still_refused(lookalike: Any) -> None:
    CronTrigger(minute=1, timezone="UTC")
    expected = f"minute must be text or an integer, got: {lookalike}"
    with pytest.raises(TypeError, match=expected) as raised:
        CronTrigger(minute=lookalike, timezone="UTC")
    assert raised.value.__context__ is None, "it is told once"


def test_true_is_no_number_of_seconds_even_after_one_was_accepted() -> None:
    IntervalTrigger(seconds=1)
    with pytest.raises(TypeError, match="seconds must be a number, got: True") as raised:
        IntervalTrigger(seconds=True)
    assert raised.value.__context__ is None, "it is told once"


@pytest.mark.parametrize("either_day", [0, 1])
def test_numbers_do_not_pass_for_truth_values(either_day: Any) -> None:
    CronTrigger(day=1, either_day=bool(either_day), timezone="UTC")
    with pytest.raises(TypeError, match=f"either_day must be a bool, got: {either_day}"):
        CronTrigger(day=1, either_day=either_day, timezone="UTC")
