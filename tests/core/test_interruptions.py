"""What becomes of a trigger when the search for its fire times is interrupted, or there is no memory for them."""

from __future__ import annotations

import _imp
import gc
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from rota import AndTrigger, CalendarIntervalTrigger, CronTrigger, IntervalTrigger, OrTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rota._backend import Core
    from rota.abc import Trigger

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
ENDLESS = 1_000_000_000
#: after how many seconds each search below is interrupted: long after it has begun, and long before it would end
SOON = 0.02


@pytest.fixture(autouse=True)
def free_imports() -> Iterator[None]:
    """Give back the lock of imports, should Python have been interrupted just when it had taken it.

    Until Python 3.11 no thread but this one could import anything afterwards.
    """
    yield
    with suppress(RuntimeError):  # then it is another thread's
        while _imp.lock_held():
            _imp.release_lock()


def every_microsecond() -> IntervalTrigger:
    return IntervalTrigger(microseconds=1, start_time=START)


ENDLESS_SEARCHES: dict[str, Callable[[], Trigger]] = {
    "interval": every_microsecond,
    "cron": lambda: CronTrigger(second="*", timezone="Europe/Berlin", start_time=START),
    "calendar interval": lambda: CalendarIntervalTrigger(
        days=1, start_date="0001-01-02", timezone="UTC"
    ),
    "or": lambda: OrTrigger(every_microsecond(), AndTrigger(every_microsecond())),
}


def exhaust(trigger: Trigger) -> None:
    while trigger.next() is not None:
        pass


class Interruption(BaseException):
    """What Ctrl-C raises, but for its name."""


@contextmanager
def interrupted() -> Iterator[None]:
    """Interrupt this thread soon, as Ctrl-C does; again if that was raised where nobody hears, as in a finalizer."""

    def interrupt(*_: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGALRM, interrupt)
    hooks, gc.callbacks[:] = gc.callbacks[:], []
    unraisable, sys.unraisablehook = sys.unraisablehook, lambda *_: None
    try:
        signal.setitimer(signal.ITIMER_REAL, SOON, SOON)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.callbacks[:] = hooks
        sys.unraisablehook = unraisable


@pytest.mark.parametrize("method", ["next_n", "next_micros"])
@pytest.mark.parametrize("name", ["interval", "cron", "or"])
def test_interrupted_search_ends_and_leaves_the_trigger_as_it_was(
    backend: Core, name: str, method: str
) -> None:
    trigger = ENDLESS_SEARCHES[name]()
    for _ in range(3):
        with pytest.raises(Interruption), interrupted():
            getattr(trigger, method)(ENDLESS)
    assert trigger.next_n(2) == ENDLESS_SEARCHES[name]().next_n(2)


@pytest.mark.parametrize("name", ENDLESS_SEARCHES)
def test_trigger_can_be_moved_after_a_loop_over_it_was_interrupted(
    backend: Core, name: str
) -> None:
    """A lock that was left taken would have the next call wait for ever."""
    for _ in range(10):
        trigger = ENDLESS_SEARCHES[name]()
        first = trigger.next()
        with pytest.raises(Interruption), interrupted():
            exhaust(trigger)
        following = trigger.next()
        assert first is not None
        assert following is not None
        assert following > first


def test_handler_of_a_signal_that_asks_the_same_trigger_does_not_wait_for_itself(
    backend: Core,
) -> None:
    trigger = every_microsecond()
    answers: list[object] = []

    def ask(*_: object) -> None:
        try:
            answers.append(trigger.next())
        except RuntimeError as error:
            answers.append(error)

    before = signal.signal(signal.SIGALRM, ask)
    signal.setitimer(signal.ITIMER_REAL, SOON)
    while not answers:
        trigger.next_micros(20_000_000 if "core" in backend.__name__ else 200_000)  # type: ignore[attr-defined]
    signal.signal(signal.SIGALRM, before)
    assert len(answers) == 1
    assert trigger.next() is not None


OUT_OF_MEMORY = """
import resource
from datetime import datetime, timezone
from rota import IntervalTrigger

start = datetime(2026, 1, 1, tzinfo=timezone.utc)
trigger = IntervalTrigger(microseconds=1, start_time=start)
trigger.next_n(10), trigger.next_micros(10)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 64 * 2**20,) * 2)
for method, number in (
    (trigger.next_n, 10**9),
    (trigger.next_micros, 10**9),
    (trigger.next_n, 1_500_000),  # whose instants would fit
):
    error = None
    try:
        method(number)
    except MemoryError as caught:
        error = type(caught)  # the error itself holds what had been collected, and leaves no room to print
    print(error.__name__)
print(trigger.next().microsecond)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process so")
def test_more_fire_times_than_fit_into_memory_are_an_error_and_cost_none() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OUT_OF_MEMORY], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout.split()) == (0, ["MemoryError"] * 3 + ["20"]), done


def test_start_before_the_first_year_in_utc_is_refused(backend: Core) -> None:
    """The distances of the fire times from it would be others than those from the first instant there is."""
    ahead, behind = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
    with pytest.raises(ValueError, match="must be within the years 1 to 9999 in UTC"):
        IntervalTrigger(hours=1, start_time=datetime(1, 1, 1, tzinfo=ahead))
    for moment in (datetime(1, 1, 1, tzinfo=behind), datetime(9999, 12, 31, 23, tzinfo=ahead)):
        assert IntervalTrigger(hours=1, start_time=moment).next() == moment
    forever = datetime.max.replace(tzinfo=behind)
    assert IntervalTrigger(hours=1, start_time=START, end_time=forever).next() == START
