"""Starts nodes quickly: a process that has imported everything, and forks one for each line that it reads.

What runs is as separate as any other process, and is killed like one.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import asdict

from tests._processes import die_with_parent, wait_until
from tests.faults._node import NodeOptions, run

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Node", "Nursery"]

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 20
#: what is imported before any node begins: the drivers, and what SQLAlchemy imports for them
IMPORTED = (
    "aiosqlite",
    "asyncmy",
    "asyncpg",
    "sqlalchemy.dialects.mysql.asyncmy",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
)


class Node:
    """A scheduler in a process of its own, seen from outside."""

    def __init__(self, options: NodeOptions, pid: int) -> None:
        self.options = options
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)  # which no other process can take over, unlike a pid

    @property
    def identity(self) -> str:
        return self.options.identity

    @property
    def log(self) -> str:
        """What it has logged."""
        path = Path(self.options.log)
        return path.read_text() if path.exists() else ""

    def is_alive(self) -> bool:
        return not select.select([self._descriptor], [], [], 0)[0]

    def kill(self) -> None:
        """Kill it (SIGKILL), and see it dead."""
        self._signal(signal.SIGKILL)
        self.wait_until_dead()

    def freeze(self) -> None:
        """Stop its execution (SIGSTOP)."""
        self._signal(signal.SIGSTOP)
        wait_until(self.is_frozen, seconds=5)

    def is_frozen(self) -> bool:
        state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "T"

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Have it stop in order (SIGTERM), and wait until it has."""
        self._signal(signal.SIGTERM)
        self.wait_until_dead()

    def wait_until_dead(self, seconds: float = STOP_SECONDS) -> None:
        wait_until(
            lambda: not self.is_alive(),
            seconds=seconds,
            what=lambda: f"the end of {self.identity}:\n{self.log[-5_000:]}",
        )

    def close(self) -> None:
        if self.is_alive():
            self.kill()
        os.close(self._descriptor)

    def _signal(self, number: signal.Signals) -> None:
        signal.pidfd_send_signal(self._descriptor, number)


class Nursery:
    """Starts nodes, which end with it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults._nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        with self._process as process:
            process.kill()

    def start(self, options: NodeOptions) -> Node:
        """Start a node."""
        assert self._process.stdin is not None, "it is a pipe"
        assert self._process.stdout is not None, "it is a pipe"
        self._process.stdin.write(json.dumps(asdict(options)) + "\n")
        self._process.stdin.flush()
        return Node(options, int(self._process.stdout.readline()))


def main() -> None:
    """Fork a node for each line."""
    for name in IMPORTED:
        import_module(name)
    # Children that have ended need not be waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(NodeOptions(**json.loads(line)))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become(options: NodeOptions) -> None:
    """Be a node, and end."""
    die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    descriptor = os.open(options.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    code = 1
    try:
        run(options)
        code = 0
    except BaseException:  # noqa: BLE001 - it is written down; the loop of the nursery must not go on here
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
