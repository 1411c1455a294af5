"""The thread that renews leases: without it jobs would be taken for abandoned, so it is started again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import fail_after

from rota import AsyncScheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.schedulers._lease_thread import LeaseThread

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.once]

DOING = "running the thread that renews leases"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def until(condition: Any) -> None:
    with fail_after(20):
        while not condition():  # noqa: ASYNC110 - a thread is what is waited for
            await anyio.sleep(0.01)  # noqa: TID251 - a real thread


async def test_thread_that_ends_is_told_of_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    serve, failures = LeaseThread._serve, ["no file left", "no thread left"]

    async def fail_at_first(self: LeaseThread, *args: Any) -> None:
        if failures:
            raise OSError(failures.pop(0))
        await serve(self, *args)

    monkeypatch.setattr(LeaseThread, "_serve", fail_at_first)
    store = SQLAlchemyDataStore(f"sqlite:///{tmp_path}/rota.db")
    async with AsyncScheduler(store) as scheduler:
        await scheduler.start_in_background()
        await until(lambda: scheduler.health.problems == {DOING: "OSError: no file left"})
        await until(lambda: scheduler.health.problems == {})
        assert [thread.name for thread in threading.enumerate()].count("rota lease thread") == 1
    assert failures == []
    assert [r.getMessage() for r in caplog.records] == [
        f"{DOING} failed; trying again until it works"
    ]
    assert "rota lease thread" not in [thread.name for thread in threading.enumerate()]
