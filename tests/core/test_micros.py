"""Fire times as integers in memory, which others read without a copy."""

from __future__ import annotations

import gc
from array import array
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rota import AndTrigger, CronTrigger, IntervalTrigger, OrTrigger
from rota.abc import Trigger
from rota.triggers import fire_times_between

if TYPE_CHECKING:
    from rota._backend import Core

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
START = datetime(2026, 3, 29, tzinfo=timezone.utc)
HOUR = 3_600_000_000


def hourly() -> CronTrigger:
    return CronTrigger(minute=0, timezone="Europe/Berlin", start_time=START)


def micros(moments: list[datetime]) -> list[int]:
    return [(moment - EPOCH) // timedelta(microseconds=1) for moment in moments]


class Never(Trigger):
    def next(self) -> datetime | None:
        return None


def test_micros_are_the_instants_of_the_fire_times_and_move_the_trigger(backend: Core) -> None:
    by_micros, by_moments = hourly(), hourly()
    for _ in range(2):
        assert list(by_micros.next_micros(5)) == micros(by_moments.next_n(5))


def test_they_are_a_view_of_64_bit_integers_that_cannot_be_written(backend: Core) -> None:
    view = hourly().next_micros(3)
    assert isinstance(view, memoryview)
    assert (view.format, view.itemsize, view.shape, view.nbytes) == ("q", 8, (3,), 24)
    assert view.c_contiguous
    with pytest.raises(TypeError, match="read-only"):
        view[0] = 1


def test_they_are_counted_from_either_end_cut_and_compared(backend: Core) -> None:
    view = hourly().next_micros(4)
    assert view[-1] - view[0] == 3 * HOUR
    assert list(view[1:3]) == [view[1], view[2]]
    assert list(view[::-2]) == [view[3], view[1]]
    assert view == hourly().next_micros(4) == array("q", view)
    with pytest.raises(IndexError):
        view[4]


def test_none_of_them_is_a_view_too(backend: Core) -> None:
    view = hourly().next_micros(0)
    assert (view.shape, list(view), view.tobytes()) == ((0,), [], b"")
    assert np.asarray(view).shape == (0,)


def test_numpy_reads_them_without_a_copy(backend: Core) -> None:
    view = hourly().next_micros(100)
    read = np.asarray(view)
    assert read.dtype == np.int64
    assert np.shares_memory(read, np.asarray(view)), "both look at the same memory"
    assert not read.flags.writeable
    assert (np.diff(read) == HOUR).all()
    assert str(read.view("datetime64[us]")[0]) == "2026-03-29T00:00:00.000000"


def test_they_live_for_as_long_as_somebody_looks_at_them(backend: Core) -> None:
    read = np.asarray(hourly().next_micros(10_000))
    gc.collect()
    assert (np.diff(read) == HOUR).all()


def test_micros_of_a_combination_with_a_trigger_of_the_users(backend: Core) -> None:
    view = OrTrigger(hourly(), Never()).next_micros(4)
    assert view == hourly().next_micros(4)
    assert view.readonly


def test_meetings_of_a_window_are_counted_afresh_from_its_beginning(backend: Core) -> None:
    """Stepping pairs each second with the one that follows it; a window that begins between them has the others."""
    step = timedelta(milliseconds=400)
    seconds = (IntervalTrigger(seconds=1, start_time=start) for start in (START, START + step))
    trigger = AndTrigger(seconds)
    whole = [START + timedelta(seconds=number) for number in range(3)]
    assert trigger.preview(3) == whole
    after, until = START + step / 2, START + timedelta(seconds=3)
    (window,) = fire_times_between([trigger], after, until)
    assert list(window) == micros([moment + step for moment in whole])


def test_windows_of_many_triggers_are_such_views(backend: Core) -> None:
    triggers = [hourly(), OrTrigger(hourly(), Never()), Never()]
    views = fire_times_between(triggers, START, START + timedelta(hours=2))
    assert [list(view) for view in views] == [[views[0][0], views[0][1]]] * 2 + [[]]
    assert all(view.readonly and view.format == "q" for view in views)
