"""One worker process, as it is seen by the process that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream, IncompleteRead
from anyio.streams.buffered import BufferedByteReceiveStream

from rota.executors._worker import LENGTH_BYTES

if TYPE_CHECKING:
    from anyio.abc import ByteSendStream, Process
    from typing_extensions import Self

__all__ = ["DIED", "WorkerProcess"]

#: what is raised where a process does not answer any more
DIED = (BrokenResourceError, ClosedResourceError, EndOfStream, IncompleteRead)
_START = "import sys; sys.path[:] = {path!r}; from rota.executors._worker import main; main({name!r}, {file!r})"


class WorkerProcess:
    """A process that makes one call after the other. It is the first of a group, which is killed with it."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None, "it is a pipe"
        assert process.stdout is not None, "it is a pipe"
        self._process = process
        self._requests: ByteSendStream = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)

    @classmethod
    async def start(cls) -> Self:
        """Start a process that can import what this one can."""
        name, file = _main_module()
        program = _START.format(path=sys.path, name=name, file=file)
        process = await anyio.open_process(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
            start_new_session=True,
        )
        return cls(process)

    @property
    def lives(self) -> bool:
        """Whether the process has not ended, as far as is known."""
        return self._process.returncode is None

    async def call(self, request: bytes) -> bytes:
        """Send a pickled call; return the pickled answer. Raises one of `DIED` if none comes."""
        await self._requests.send(len(request).to_bytes(LENGTH_BYTES, "big") + request)
        header = await self._answers.receive_exactly(LENGTH_BYTES)
        return await self._answers.receive_exactly(int.from_bytes(header, "big"))

    async def kill(self) -> None:
        """Kill the process and what it has started, and wait until it is gone."""
        with anyio.CancelScope(shield=True):
            if self.lives:
                with suppress(ProcessLookupError):
                    _kill_group(self._process)
            await self._process.aclose()


def _kill_group(process: Process) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def _main_module() -> tuple[str | None, str | None]:
    """Return the name of the main module, if the program was started by one, and otherwise its file."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is None:
        file = getattr(main, "__file__", None)
        return None, None if file is None else os.path.abspath(file)
    # Of a package, what runs is not meant to be imported.
    return (None if spec.name.rpartition(".")[2] == "__main__" else spec.name), None
