"""What jobs in processes may do to the process that they run in."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import pytest

from rota.executors.subprocess import ProcessPoolJobExecutor
from rota.model import Job
from tests._processes import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rota.testing import VirtualClock

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="it forks, and asks shells"),
]
MEGABYTE = 1_000_000


def job(*args: Any) -> Job:
    created_at = datetime(2025, 1, 1, tzinfo=timezone.utc)
    return Job(id=UUID(int=1), task_id="t", args=args, executor="x", created_at=created_at)


@pytest.fixture
async def executor(clock: VirtualClock) -> AsyncIterator[ProcessPoolJobExecutor]:
    async with AsyncExitStack() as exit_stack:
        executor = ProcessPoolJobExecutor(max_workers=1)
        await executor.start(exit_stack, clock)
        yield executor


def print_much() -> str:
    for stream in (sys.stdout, sys.stderr):
        stream.write("." * MEGABYTE)
    os.write(1, b"to the very file")
    return "printed"


def ask_a_shell(command: str) -> int:
    return os.system(command)


def fork() -> str:
    if os.fork() == 0:
        return "the child's answer"
    os.wait()
    return "the parent's answer"


def start_another(path: str) -> None:
    command = f"echo $$ > {path}.new; mv {path}.new {path}; sleep 3600"
    subprocess.run(command, shell=True, check=True)


class Quitter:
    def __reduce__(self) -> Any:
        raise SystemExit(3)


async def test_what_a_job_prints_disturbs_nothing(executor: ProcessPoolJobExecutor) -> None:
    assert await executor.run_job(print_much, job()) == "printed"
    assert await executor.run_job(ask_a_shell, job("echo hello")) == 0


async def test_job_finds_nothing_to_read(executor: ProcessPoolJobExecutor) -> None:
    assert await executor.run_job(ask_a_shell, job('test -z "$(cat)"')) == 0


async def test_only_the_process_that_was_asked_answers(executor: ProcessPoolJobExecutor) -> None:
    assert await executor.run_job(fork, job()) == "the parent's answer"
    first = await executor.run_job(os.getpid, job())
    assert await executor.run_job(os.getpid, job()) == first


async def test_value_that_wants_to_end_the_process_is_an_error(
    executor: ProcessPoolJobExecutor,
) -> None:
    with pytest.raises(SystemExit, match="3"):
        await executor.run_job(Quitter, job())
    assert await executor.run_job(str.upper, job("next")) == "NEXT"


async def promise() -> None:
    """Be run only where it is awaited."""


async def test_coroutine_function_is_refused(executor: ProcessPoolJobExecutor) -> None:
    with pytest.raises(TypeError, match=r"^promise returned a coroutine, which only"):
        await executor.run_job(promise, job())


async def test_what_a_cancelled_job_has_started_is_killed_with_it(
    executor: ProcessPoolJobExecutor, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    async with anyio.create_task_group() as group:
        group.start_soon(executor.run_job, start_another, job(str(note)))
        await anyio.to_thread.run_sync(lambda: wait_until(note.exists, seconds=30))
        group.cancel_scope.cancel()

    process = Path(f"/proc/{int(note.read_text())}/stat")
    await anyio.to_thread.run_sync(lambda: wait_until(lambda: is_gone(process), seconds=30))


def is_gone(stat: Path) -> bool:
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
