"""Threads that share a cursor or a plan, and what happens while one of them searches for long."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest

from rota import AndTrigger, CoalescePolicy, CronTrigger, IntervalTrigger, OrTrigger, _backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from rota._backend import Core
    from rota.abc import Trigger

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
END = datetime(2126, 1, 1, tzinfo=timezone.utc)
THREADS, EACH = 8, 400


def every(seconds: int) -> IntervalTrigger:
    return IntervalTrigger(seconds=seconds, start_time=START)


TRIGGERS: dict[str, Callable[[], Trigger]] = {
    "interval": lambda: every(7),
    "cron": lambda: CronTrigger(minute="*/5", timezone="Europe/Berlin", start_time=START),
    "or": lambda: OrTrigger(every(5), AndTrigger(every(4), every(6), threshold=0)),
}


@pytest.mark.parametrize("name", TRIGGERS)
def test_threads_that_share_a_cursor_get_each_fire_time_once(backend: Core, name: str) -> None:
    trigger = TRIGGERS[name]()
    ready = Barrier(THREADS)

    def take(number: int) -> list[datetime]:
        ready.wait(30)
        if number % 2:
            return [moment for _ in range(EACH // 4) for moment in trigger.next_n(4)]
        return [moment for _ in range(EACH) if (moment := trigger.next()) is not None]

    with ThreadPoolExecutor(THREADS) as pool:
        taken = list(pool.map(take, range(THREADS)))
    expected = TRIGGERS[name]().next_n(THREADS * EACH)
    assert sorted(moment for each in taken for moment in each) == expected
    assert all(each == sorted(each) for each in taken)


@pytest.mark.parametrize("name", TRIGGERS)
def test_threads_that_share_a_plan_get_the_same_answers(backend: Core, name: str) -> None:
    trigger = TRIGGERS[name]()
    ready = Barrier(THREADS)

    def ask(_: int) -> tuple[list[datetime], int]:
        ready.wait(30)
        return trigger.preview(EACH), trigger.remaining(START + timedelta(hours=6))

    with ThreadPoolExecutor(THREADS) as pool:
        first, *others = pool.map(ask, range(THREADS))
    assert all(other == first for other in others)


def count(steps: int) -> None:
    assert every(1).remaining(END, limit=steps) == steps


def pass_over(steps: int) -> None:
    dense = AndTrigger(every(1), every(1))
    for _ in range(steps // 200_000 + 1):
        pending = dense.next()
        assert pending is not None
        dense.due(pending, pending + timedelta(days=30), CoalescePolicy.latest, 1)


@pytest.mark.parametrize("search", [count, pass_over])
def test_others_run_while_a_thread_searches_for_long(
    backend: Core, search: Callable[[int], None]
) -> None:
    compiled = _backend.backend == "rust"
    turns, within = 0, list[int]()

    def run() -> None:
        before = turns
        search(10_000_000 if compiled else 400_000)
        within.append(turns - before)

    interval = sys.getswitchinterval()
    if compiled:
        sys.setswitchinterval(1_000)  # so that whoever does not let go of the interpreter keeps it
    try:
        thread = Thread(target=run, daemon=True)
        thread.start()
        while thread.is_alive():
            turns += 1
            thread.join(0.0001)  # let go of it
    finally:
        sys.setswitchinterval(interval)
    assert within[0] > 2


def test_a_long_search_is_interrupted(backend: Core) -> None:
    """What raises comes after a fifth of a second of work; the search would take half an hour."""
    program = """
import signal
from datetime import datetime, timezone
from rota import IntervalTrigger
signal.signal(signal.SIGVTALRM, signal.default_int_handler)
trigger = IntervalTrigger(seconds=1, start_time=datetime(1, 1, 2, tzinfo=timezone.utc))
trigger.remaining(datetime(2, 1, 1, tzinfo=timezone.utc), limit=1)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.2)
trigger.remaining(datetime(9999, 1, 1, tzinfo=timezone.utc))
"""
    child = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "ROTA_BACKEND": _backend.backend},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.stderr.rstrip().endswith("KeyboardInterrupt")
