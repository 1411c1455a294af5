"""SIGTERM while jobs run, sent to real processes in real time."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests._processes import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(__file__).with_name("_twenty_jobs.py")
STUBBORN = Path(__file__).with_name("_stubborn_job.py")
PATIENCE_SECONDS = 30


each_kind = pytest.mark.parametrize("kind", ["asyncio", "trio", "blocking"])


@contextmanager
def running(program: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start a program, and wait until all of its jobs run."""
    with subprocess.Popen(
        [sys.executable, str(program), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            yield process
        finally:
            process.kill()


def read_until(program: subprocess.Popen[str], text: str) -> None:
    """Read the log of a program up to a line."""
    assert program.stderr is not None
    assert any(text in line for line in program.stderr)


@each_kind
def test_twenty_jobs_end_in_order_within_the_deadline(kind: str) -> None:
    """What can finish does, the rest is cancelled; a thread that never ends does not keep the process."""
    with running(PROGRAM, kind, 2) as program:
        program.send_signal(signal.SIGTERM)
        output, errors = program.communicate(timeout=PATIENCE_SECONDS)

    assert program.returncode == 0, errors
    assert Counter(output.splitlines()) == {
        "short success": 7,
        "endless cancelled": 7,
        "blocking cancelled": 6,
    }
    assert "Traceback" not in errors


@each_kind
def test_second_signal_ends_the_patience(kind: str) -> None:
    with running(PROGRAM, kind, 100 * PATIENCE_SECONDS) as program:
        program.send_signal(signal.SIGTERM)
        read_until(program, "scheduler stopping")
        program.send_signal(signal.SIGTERM)
        output, errors = program.communicate(timeout=PATIENCE_SECONDS)

    assert program.returncode == 0, errors
    assert len(output.splitlines()) == 20
    assert "Traceback" not in errors


@each_kind
def test_third_signal_ends_the_process(kind: str) -> None:
    with running(STUBBORN, kind) as program:
        for log in ("scheduler stopping", "goes on although it was cancelled"):
            program.send_signal(signal.SIGTERM)
            read_until(program, log)
        assert program.poll() is None
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=PATIENCE_SECONDS)

    assert program.returncode == -signal.SIGTERM
