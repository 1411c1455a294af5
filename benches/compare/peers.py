"""The peers: which environment, which worker, and the running worker at the other end of the protocol."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benches.compare import environments

WORKERS = Path(__file__).parent / "workers"
ANSWER_WITHIN_SECONDS = 30


@dataclass(frozen=True)
class Peer:
    """A library, and how to run it.

    :param name: as the tables call it
    :param environment: the environment (see `environments.names`) that it is installed in
    :param worker: the file in `workers/` that speaks for it, with its arguments
    :param variables: environment variables of the worker
    """

    name: str
    environment: str
    worker: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict, hash=False)

    def command(self) -> list[str]:
        """Return the command that starts the worker, having made its environment."""
        script, *arguments = self.worker
        return [str(environments.python(self.environment)), str(WORKERS / script), *arguments]

    def process_environment(self) -> dict[str, str]:
        """Return the environment variables: this process's, without its Python settings."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
        return kept | {"PYTHONHASHSEED": "0"} | self.variables


RUST = Peer("rota (rust)", "rota", ("rota_.py",), {"ROTA_BACKEND": "rust"})
REFERENCE = Peer("rota (reference)", "rota", ("rota_.py",), {"ROTA_BACKEND": "python"})
APSCHEDULER_4 = Peer("APScheduler 4", "apscheduler4", ("apscheduler4.py",))
TRIGGER_PEERS = (
    RUST,
    REFERENCE,
    APSCHEDULER_4,
    Peer("APScheduler 3", "apscheduler3", ("apscheduler3.py",)),
    Peer("croniter", "croniter", ("croniter_family.py", "croniter")),
    Peer("cronsim", "cronsim", ("cronsim_.py",)),
    Peer("croniter-rs", "croniter-rs", ("croniter_family.py", "croniter-rs")),
    Peer("croniter-rs, bound", "croniter-rs", ("croniter_family.py", "croniter-rs", "bound")),
    Peer("croniters", "croniters", ("croniter_family.py", "croniters")),
    Peer("cronexpr", "cronexpr", ("cronexpr_.py",)),
)


class Worker:
    """A peer's running worker. Use as a context manager.

    :raises RuntimeError: if it ends instead of answering
    """

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._process = subprocess.Popen(
            peer.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=peer.process_environment(),
        )
        self.about = self._read()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        watchdog = threading.Timer(ANSWER_WITHIN_SECONDS, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise RuntimeError(f"{self.peer.name} ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
