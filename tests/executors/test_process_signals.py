"""Processes of jobs, where a whole program is told to end, or is killed: real processes in real time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests._processes import die_with_parent, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc"),
]

PROGRAM = """
import os, subprocess, sys, time
from rota import Scheduler

def work(seconds):
    subprocess.run([sys.executable, "-c", "import signal; assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL"], check=True)
    print("pid", os.getpid(), file=sys.__stderr__, flush=True)
    time.sleep(seconds)
    return "done"

if __name__ == "__main__":
    with Scheduler(shutdown_timeout=30) as scheduler:
        job_id = scheduler.add_job(work, args=[float(sys.argv[1])], job_executor="processpool", result_expiration_time=60)
        scheduler.run_until_stopped()
        result = scheduler.get_job_result(job_id)
        print(result.outcome.name, result.return_value, result.exception, flush=True)
"""


def _begin() -> None:
    die_with_parent()
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # which is ignored where the tests run in the background


@contextmanager
def running(place: Path, seconds: float) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a job in a process, in a program that leads a process group; give both processes once it runs."""
    script = place / "program.py"
    script.write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, str(script), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_begin,
    ) as process:
        try:
            assert process.stderr is not None
            number = next(line.split()[1] for line in process.stderr if line.startswith("pid "))
            yield process, int(number)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_all_processes_of_a_program_lets_a_job_finish(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path, seconds=2) as (program, _):
        os.killpg(program.pid, number)
        output, errors = program.communicate(timeout=60)
    assert output == "success done None\n", errors


def test_process_of_a_job_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    with running(tmp_path, seconds=3600) as (program, worker):
        program.kill()
        program.wait()
        wait_until(lambda: not is_alive(worker), seconds=30)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
