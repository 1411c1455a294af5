"""What happens to those who use a `Scheduler` from other threads while it closes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from rota import Scheduler, ScheduleRemoved, SchedulerRole
from tests._processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable


def work() -> None: ...


@pytest.mark.parametrize("attempt", range(5))
def test_threads_that_add_while_it_closes_are_told_so(attempt: int) -> None:
    """Some adds succeed, then each is refused; none starts the scheduler anew behind the one that closes."""
    errors: list[BaseException] = []
    begun, closed = threading.Barrier(3), threading.Event()

    def add() -> None:
        begun.wait(20)
        try:
            while not closed.is_set():
                scheduler.add_job(work)
        except RuntimeError as error:
            errors.append(error)

    threads = [threading.Thread(target=add) for _ in range(2)]
    with Scheduler() as scheduler:
        scheduler.start_in_background()
        for thread in threads:
            thread.start()
        begun.wait(20)
    closed.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    with scheduler:  # who came after the end has started it again
        pass
    assert not any("already initialized" in str(error) for error in errors)


@pytest.mark.parametrize(
    "wait",
    [
        lambda scheduler: scheduler.get_next_event(ScheduleRemoved),
        lambda scheduler: scheduler.run_job(work),
        lambda scheduler: scheduler.get_job_result(scheduler.add_job(work)),
    ],
    ids=["get_next_event", "run_job", "get_job_result"],
)
def test_threads_that_wait_when_it_closes_are_told_so(
    wait: Callable[[Scheduler], object], caplog: pytest.LogCaptureFixture
) -> None:
    """What they wait for would not come any more."""
    errors: list[str] = []
    with Scheduler(role=SchedulerRole.scheduler) as scheduler:
        scheduler.start_in_background()

        def be_patient() -> None:
            try:
                wait(scheduler)
            except RuntimeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=be_patient)
        thread.start()
        wait_until(lambda: scheduler._async._waiters._scopes, seconds=20)
    thread.join(20)
    assert not thread.is_alive()
    assert [error.partition(" while ")[0] for error in errors] == ["the scheduler was closed"]
    assert "does not end" not in caplog.text


def test_it_can_be_opened_again() -> None:
    scheduler = Scheduler()
    for _ in range(2):
        with scheduler:
            scheduler.start_in_background()
            assert scheduler.run_job(int, args=["5"]) == 5
