"""Arguments of schedulers: what reaches them, what they refuse."""

from __future__ import annotations

import anyio
import pytest

from rota import AsyncScheduler, MemoryDataStore, Scheduler


def answer() -> int:
    return 42


def test_callable_of_a_task_is_given_by_name() -> None:
    with Scheduler() as scheduler:
        scheduler.configure_task("ask", func=answer)
        scheduler.start_in_background()
        assert scheduler.run_job("ask") == 42


def test_modules_of_tasks_given_as_one_text_are_refused() -> None:
    with pytest.raises(
        TypeError, match=r"^task_modules must be a collection of names, got: 'app'$"
    ):
        AsyncScheduler(task_modules="app")


class BrokenStore(MemoryDataStore):
    async def start(self, *_: object) -> None:
        raise LookupError("no database")


def test_what_keeps_services_from_starting_is_raised_as_it_is() -> None:
    async def start() -> None:
        async with AsyncScheduler(BrokenStore()):
            pass

    with pytest.raises(LookupError, match=r"^no database$"), Scheduler(BrokenStore()):
        pass
    with pytest.raises(LookupError, match=r"^no database$"):
        anyio.run(start)
