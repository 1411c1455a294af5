"""Classes that users derive from the built-in triggers, and what they may override."""

from __future__ import annotations

import pickle
from copy import copy
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from typing_extensions import Self

from rota import CalendarIntervalTrigger, CronTrigger, IntervalTrigger, OrTrigger, Schedule
from rota.datastores._memory.rows import row_of, snapshot

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


class Registered:
    """A base that notes its subclasses, and does not pass the hook on."""

    names: list[str] = []  # noqa: RUF012 - as such classes have it

    def __init_subclass__(cls, **_: Any) -> None:
        Registered.names.append(cls.__name__)


class Hourly(Registered, IntervalTrigger):
    """A trigger with an initializer and an attribute of its own."""

    def __init__(self, tag: str) -> None:
        super().__init__(hours=1, start_time=START)
        self.__dict__["tag"] = tag


class Daily(Registered, CalendarIntervalTrigger):
    def __init__(self, tag: str) -> None:
        super().__init__(days=1, start_date="2026-01-01", timezone="UTC")
        self.__dict__["tag"] = tag


class Nightly(Registered, CronTrigger):
    def __init__(self, tag: str) -> None:
        super().__init__(hour=3, timezone="UTC", start_time=START)
        self.__dict__["tag"] = tag


@pytest.mark.parametrize("kind", [Hourly, Daily, Nightly])
def test_class_whose_other_base_keeps_the_hook_to_itself_is_a_trigger(kind: Any) -> None:
    trigger = kind("a")
    first, second = trigger.next_n(2)
    assert START <= first < second
    for other in (copy(trigger), trigger.copy()):
        assert (type(other), other.tag) == (kind, "a")
        assert other.next() == trigger.preview(1)[0]
    assert OrTrigger(kind("a"), kind("b")).next() == first


class Slow(IntervalTrigger):
    """Fires at twice the distance that it is given."""

    @property
    def interval(self) -> timedelta:
        return super().interval * 2


def test_overridden_interval_is_heeded(backend: object) -> None:
    trigger = Slow(hours=1, start_time=START)
    assert trigger.next_n(3) == [START, START + 2 * HOUR, START + 4 * HOUR]
    assert IntervalTrigger(hours=1, start_time=START).next_n(2) == [START, START + HOUR]


class Versioned(IntervalTrigger):
    """Keeps its position in a form of its own."""

    @property
    def cursor(self) -> object:
        return {"version": 1, "at": super().cursor}

    def at(self, cursor: object) -> Self:
        return super().at(cursor["at"] if isinstance(cursor, dict) else cursor)


def test_overridden_cursor_is_what_a_store_keeps() -> None:
    trigger = Versioned(hours=1, start_time=START)
    assert trigger.next() == START
    schedule = Schedule(
        id="id", task_id="task", trigger=trigger, job_executor="async", next_fire_time=START
    )
    row = row_of(schedule, 1)
    assert row.cursor == trigger.cursor
    assert snapshot(row, 1, None, None).trigger.next() == START + HOUR


def test_initializing_again_begins_where_it_is_told_to() -> None:
    class Twice(IntervalTrigger):
        def __init__(self) -> None:
            super().__init__(hours=1)
            super().__init__(hours=1, start_time=START)

    assert not Twice()._starts_now
    assert not pickle.loads(pickle.dumps(IntervalTrigger(hours=1, start_time=START)))._starts_now
    assert pickle.loads(pickle.dumps(IntervalTrigger(hours=1)))._starts_now
