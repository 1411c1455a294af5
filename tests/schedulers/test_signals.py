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
PATIENCE_SECONDS = 30


each_kind = pytest.mark.parametrize("kind", ["asyncio", "trio", "blocking"])


@contextmanager
def running(kind: str, deadline_seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Start the program, and wait until all of its jobs run."""
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), kind, str(deadline_seconds)],
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


@each_kind
def test_twenty_jobs_end_in_order_within_the_deadline(kind: str) -> None:
    """What can finish does, the rest is cancelled; a thread that never ends does not keep the process."""
    with running(kind, deadline_seconds=2) as program:
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
    with running(kind, deadline_seconds=100 * PATIENCE_SECONDS) as program:
        program.send_signal(signal.SIGTERM)
        assert program.stderr is not None
        for line in program.stderr:
            if "scheduler stopping" in line:
                break
        program.send_signal(signal.SIGTERM)
        output, errors = program.communicate(timeout=PATIENCE_SECONDS)

    assert program.returncode == 0, errors
    assert len(output.splitlines()) == 20
    assert "Traceback" not in errors
