"""What happens to those who use a `Scheduler` from other threads while it closes."""

from __future__ import annotations

import threading

import pytest

from rota import Scheduler


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


def test_it_can_be_opened_again() -> None:
    scheduler = Scheduler()
    for _ in range(2):
        with scheduler:
            scheduler.start_in_background()
            assert scheduler.run_job(int, args=["5"]) == 5
