"""What jobs raise and return may itself raise anything: it costs the job its result, and nobody else anything."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rota import JobOutcome, JobReleased, Scheduler
from rota.datastores.memory import MemoryDataStore
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.serializers.json import JSONSerializer
from rota.serializers.pickle import PickleSerializer

if TYPE_CHECKING:
    from pathlib import Path

    from rota.abc import DataStore, Serializer

pytestmark = pytest.mark.once


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class FatalError(Exception):
    def __str__(self) -> str:
        raise SystemExit("no text")


class Unpicklable:
    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def __reduce__(self) -> str:
        raise self.error


def give(error: type[Exception]) -> Unpicklable:
    return Unpicklable(error)


def throw(error: type[Exception]) -> None:
    raise error


def fine() -> str:
    return "fine"


@pytest.fixture(params=["memory", "pickle", "json"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> DataStore:
    if request.param == "memory":
        return MemoryDataStore()
    serializer: Serializer = PickleSerializer() if request.param == "pickle" else JSONSerializer()
    return SQLAlchemyDataStore(f"sqlite:///{tmp_path}/rota.db", serializer=serializer)


@pytest.mark.parametrize("error", [SilentError, FatalError])
@pytest.mark.parametrize("func", [give, throw])
def test_next_job_runs(store: DataStore, func: object, error: type[Exception]) -> None:
    with Scheduler(store) as scheduler:
        scheduler.subscribe(lambda _event: None, JobReleased)
        scheduler.configure_task("hostile", func=lambda: func(error))  # type: ignore[operator]
        scheduler.start_in_background()
        job_id = scheduler.add_job("hostile", result_expiration_time=60)
        result = scheduler.get_job_result(job_id)
        assert result is not None
        assert result.outcome is (JobOutcome.success if func is give else JobOutcome.error)
        assert scheduler.run_job(fine) == "fine"


FORKING = """
import os, sys
from rota import Scheduler


def blocking():
    return "child" if os.fork() == 0 else "parent"


async def asynchronous():
    return blocking()


if __name__ == "__main__":
    with Scheduler() as scheduler:
        scheduler.start_in_background()
        for func in (blocking, asynchronous):
            print(scheduler.run_job(func), flush=True)
            pid, status = os.waitpid(-1, 0)
            print(status, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_child_of_a_job_that_forks_ends_with_the_job(tmp_path: Path) -> None:
    path = tmp_path / "forking.py"
    path.write_text(FORKING)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(path)], capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.split() == ["parent", "0", "parent", "0"], ran.stderr
