"""Fire times as integers in a buffer."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from rota import CronTrigger, OrTrigger
from rota.abc import Trigger

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
START = datetime(2026, 3, 29, tzinfo=timezone.utc)


def hourly() -> CronTrigger:
    return CronTrigger(minute=0, timezone="Europe/Berlin", start_time=START)


def micros(moments: list[datetime]) -> list[int]:
    return [(moment - EPOCH) // timedelta(microseconds=1) for moment in moments]


class Never(Trigger):
    def next(self) -> datetime | None:
        return None


def test_micros_are_the_instants_of_the_fire_times_and_move_the_trigger() -> None:
    by_micros, by_moments = hourly(), hourly()
    for _ in range(2):
        assert list(memoryview(by_micros.next_micros(5))) == micros(by_moments.next_n(5))


def test_micros_are_a_buffer_of_64_bit_integers() -> None:
    view = memoryview(hourly().next_micros(3))
    assert (view.format, view.itemsize, view.shape) == ("q", 8, (3,))


def test_micros_of_a_combination_with_a_trigger_of_the_users() -> None:
    assert list(OrTrigger(hourly(), Never()).next_micros(4)) == micros(hourly().next_n(4))
