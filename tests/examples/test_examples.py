"""Every example runs, and does what it says. Each runs in processes of its own, and is ended as a user would end it.

These tests wait for real time: what they show are real processes.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen
from uuid import uuid4

import pytest

from tests._services import drop_tables, need

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.once

EXAMPLES = Path(__file__).parents[2] / "examples"
SECONDS = 60
STANDALONE = [
    "standalone/sync_memory.py",
    "standalone/async_memory.py",
    "standalone/sync_sqlite.py",
    "standalone/async_postgres.py",
    "standalone/async_mysql.py",
]
ASGI = ["asgi_fastapi", "asgi_starlette", "asgi_plain"]
WSGI = ["wsgi_flask", "wsgi_plain"]
EXTENSIONS = {
    "custom_trigger.py": "14 January 2025, 03:30\n12 February 2025, 16:14\n14 March 2025, 04:58\n",
    "custom_executor.py": "hello\n",
}


@contextmanager
def running(folder: Path, *command: object, url: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command in `folder` until the block is left; then it must end in order."""
    environment = {**os.environ, "ROTA_EXAMPLE_URL": url, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        list(map(str, command)),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()


def lines_with(process: subprocess.Popen[str], pattern: str, count: int) -> list[str]:
    """Read what a process prints until so many lines match; return these."""
    assert process.stdout is not None
    found: list[str] = []
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if re.search(pattern, line):
            found.append(line)
        if len(found) == count:
            return found
    pytest.fail("".join(seen))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def sqlite_in(folder: Path) -> str:
    return f"sqlite:///{folder / f'{uuid4().hex}.sqlite3'}"


@pytest.mark.parametrize("name", STANDALONE)
def test_standalone_programs_tick(name: str, tmp_path: Path) -> None:
    url = sqlite_in(tmp_path)
    if "postgres" in name:
        url = f"postgresql://postgres@{need('postgresql')}/test"
    elif "mysql" in name:
        url = f"mariadb://root@{need('mariadb')}/test"
    drop_tables(url, "example_")
    with running(EXAMPLES, sys.executable, EXAMPLES / name, url=url) as process:
        lines_with(process, "Hello, the time is", 2)
    drop_tables(url, "example_")


def test_schedule_survives_a_kill(tmp_path: Path) -> None:
    url, program = sqlite_in(tmp_path), EXAMPLES / "standalone/sync_sqlite.py"
    with running(tmp_path, sys.executable, program, url=url) as process:
        lines_with(process, "Hello", 1)
        time.sleep(0.3)  # so that no job is running: its lease would have to run out first
        process.kill()
        process.wait(SECONDS)
        with running(tmp_path, sys.executable, program, url=url) as again:
            lines_with(again, "Hello", 2)
        process.returncode = 0  # it was meant to be killed


def test_worker_runs_what_another_program_has_added(tmp_path: Path) -> None:
    url, folder = sqlite_in(tmp_path), EXAMPLES / "separate_worker"
    environment = {**os.environ, "ROTA_EXAMPLE_URL": url}
    subprocess.run([sys.executable, "add.py"], cwd=folder, env=environment, check=True)
    with running(folder, sys.executable, "worker.py", url=url) as process:
        greetings = lines_with(process, "Hello, ", 3)
    assert sum("Grace" in line for line in greetings) == 1
    assert sum("Ada" in line for line in greetings) == 2


@pytest.mark.parametrize("name", ASGI)
def test_asgi_application_ticks_once_a_second_whatever_its_processes(
    name: str, tmp_path: Path
) -> None:
    port = free_port()
    options = ["--workers", 2, "--port", port, "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", f"{name}:app", *options]
    with running(EXAMPLES / "web", *command, url=sqlite_in(tmp_path)) as process:
        lines_with(process, "tick in process", 3)
        with urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert json.load(answer) == {"schedules": ["every-second"]}


@pytest.mark.parametrize("name", WSGI)
def test_wsgi_application_ticks_once_a_second_whatever_its_processes(
    name: str, tmp_path: Path
) -> None:
    port = free_port()
    options = ["--workers", 2, "--bind", f"127.0.0.1:{port}"]
    command = [sys.executable, "-m", "gunicorn", *options, f"{name}:app"]
    with running(EXAMPLES / "web", *command, url=sqlite_in(tmp_path)) as process:
        lines_with(process, "tick in process", 3)
        with urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert json.load(answer) == {"schedules": ["every-second"]}


@pytest.mark.parametrize(("name", "printed"), EXTENSIONS.items(), ids=list(EXTENSIONS))
def test_extensions_do_what_they_say(name: str, printed: str) -> None:
    command = [sys.executable, str(EXAMPLES / "extending" / name)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == printed
    assert result.stderr == ""


def test_example_of_a_test_passes() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "extending"]
    subprocess.run(command, cwd=EXAMPLES, check=True, stdout=subprocess.DEVNULL)


def test_every_example_is_run_here() -> None:
    """`tasks.py` is imported by its neighbours."""
    run = {*STANDALONE, *(f"web/{name}.py" for name in (*ASGI, *WSGI))}
    run |= {f"extending/{name}" for name in (*EXTENSIONS, "test_with_virtual_clock.py")}
    run |= {"separate_worker/add.py", "separate_worker/worker.py", "separate_worker/tasks.py"}
    assert {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.glob("[!d]*/*.py")} == run
