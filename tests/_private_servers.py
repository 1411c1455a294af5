"""Servers that one test has for itself, on a free port, so that it may stop, kill and freeze them.

    with PostgreSQL() as server:
        ...  # connect to server.url
        server.kill()
        server.start()

They keep their data over a stop and a start, and are gone with the block. Where the programs are not installed the test
is skipped; in CI it fails.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from abc import ABC, abstractmethod
from contextlib import suppress
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypedDict

import pytest

from tests._processes import die_with_parent, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from typing_extensions import Self

HOST = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 30
SEARCHED = [
    *os.environ.get("PATH", "").split(os.pathsep),
    "/usr/sbin",
    "/usr/local/sbin",
    *sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True),
]


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def program(name: str) -> str:
    """Return the path of an installed program; skip the running test, or fail it in CI, if there is none."""
    path = shutil.which(name, path=os.pathsep.join(SEARCHED))
    if path is None:
        message = f"no program {name} is installed"
        if os.environ.get("CI"):
            pytest.fail(f"{message}; in CI it must be", pytrace=False)
        pytest.skip(message)
    return path


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[str | int]


def _identity() -> _Identity:
    """Return as whom servers run, as arguments of `subprocess`: some refuse to be run by root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class PrivateServer(ABC):
    """A server in a process of its own; what it stores is in a new directory."""

    #: what is sent to have it stop in order
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self) -> None:
        self.port = free_port()
        self.directory = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.directory = Path(tempfile.mkdtemp(prefix=f"rota-{type(self).__name__.lower()}-"))
        try:
            if identity := _identity():
                os.chown(self.directory, identity["user"], identity["group"])
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it answers."""

    def url_at(self, port: int) -> str:
        """Return the URL for clients that go through another port, that of a `Proxy`."""
        return self.url.replace(f":{self.port}", f":{port}")

    def prepare(self) -> None:  # noqa: B027 - most have nothing to prepare
        """Make what it needs in `directory` before it is started for the first time."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the command that runs it in the foreground."""

    def is_ready(self) -> bool:
        """Tell whether it serves clients."""
        try:
            socket.create_connection((HOST, self.port), timeout=2).close()
        except OSError:
            return False
        return True

    def start(self) -> None:
        """Run it, with what it stored before, and wait until it serves clients."""
        assert self._process is None, "it runs already"
        try:
            wait_until(self._has_started, seconds=START_SECONDS, what=self.log)
        except BaseException:
            self.kill()
            raise

    def _has_started(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            # The first attempt after a kill can fail, while the children of what was killed are still there.
            self._process = self._spawn()
        return self.is_ready() and self._process.poll() is None

    def stop(self) -> None:
        """Have it stop in order: clients are disconnected."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """Kill it with all its processes (SIGKILL), none of which can do anything more, as when a container is killed."""
        family = self._family()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in family:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        self._end(signal.SIGKILL)

    def _family(self) -> list[int]:
        """Return the numbers of its processes."""
        if self._process is None:
            return []
        pid = self._process.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except FileNotFoundError:  # it has ended, or there are no such files
            children = []
        return [pid, *map(int, children)]

    def restart(self) -> None:
        """Stop it in order, and start it again."""
        self.stop()
        self.start()

    def log(self) -> str:
        """Return the end of what it has written."""
        return (self.directory / "log").read_text(errors="replace")[-5_000:]

    def pause(self) -> None:
        """Freeze it (SIGSTOP); a server of several processes is frozen in part."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def run(self, *command: str) -> None:
        """Run another program to its end, as the user that runs the server."""
        finished = subprocess.run(
            command,
            cwd=self.directory,
            capture_output=True,
            text=True,
            **_identity(),
        )
        assert finished.returncode == 0, f"{command}:\n{finished.stdout}{finished.stderr}"

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                self.command(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
                **_identity(),
            )

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it does not run"
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


class PostgreSQL(PrivateServer):
    """PostgreSQL, with the user `postgres`."""

    stop_signal = signal.SIGINT  # its "fast" shutdown, which does not wait for clients to leave

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{HOST}:{self.port}/postgres"

    def prepare(self) -> None:
        options = "--username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync".split()
        self.run(program("initdb"), f"--pgdata={self.directory}/data", *options)

    def command(self) -> Sequence[str]:
        settings = {
            "port": self.port,
            "listen_addresses": HOST,
            "unix_socket_directories": self.directory,
            "fsync": "off",  # the machine is not what fails here
            "wal_writer_delay": "10s",  # what is not committed is lost with the server
        }
        options = (f"--{name}={value}" for name, value in settings.items())
        return [program("postgres"), "-D", f"{self.directory}/data", *options]

    def is_ready(self) -> bool:
        ask = [program("pg_isready"), "--quiet", f"--host={HOST}", f"--port={self.port}"]
        return subprocess.run(ask).returncode == 0


class MariaDB(PrivateServer):
    """MariaDB, with the user `root` and the database `test`."""

    @property
    def url(self) -> str:
        return f"mysql://root@{HOST}:{self.port}/test"

    def prepare(self) -> None:
        self.run(
            program("mariadb-install-db"),
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            f"--datadir={self.directory}/data",
            f"--tmpdir={self.directory}",  # two that set up at once get in each other's way in /tmp
        )

    def command(self) -> Sequence[str]:
        return [
            program("mariadbd"),
            "--no-defaults",
            f"--datadir={self.directory}/data",
            f"--tmpdir={self.directory}",
            f"--port={self.port}",
            f"--bind-address={HOST}",
            f"--socket={self.directory}/socket",
            f"--pid-file={self.directory}/pid",
            "--innodb-flush-log-at-trx-commit=2",  # the machine is not what fails here
        ]

    def is_ready(self) -> bool:
        """Tell whether it greets, which it does not before it has started entirely."""
        try:
            with socket.create_connection((HOST, self.port), timeout=2) as client:
                return bool(client.recv(1))
        except OSError:
            return False


class Redis(PrivateServer):
    """Redis, which keeps nothing over a stop."""

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}"

    def command(self) -> Sequence[str]:
        return [program("redis-server"), "--bind", HOST, "--port", f"{self.port}", "--save", ""]


class Mosquitto(PrivateServer):
    """Mosquitto, an MQTT broker, which keeps nothing over a stop."""

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    def prepare(self) -> None:
        settings = f"listener {self.port} {HOST}\nallow_anonymous true\npersistence false\n"
        (self.directory / "mosquitto.conf").write_text(settings)

    def command(self) -> Sequence[str]:
        return [program("mosquitto"), "-c", f"{self.directory}/mosquitto.conf"]


class NATS(PrivateServer):
    """NATS, which keeps nothing over a stop."""

    @property
    def url(self) -> str:
        return f"nats://{HOST}:{self.port}"

    def command(self) -> Sequence[str]:
        return [program("nats-server"), "--addr", HOST, "--port", f"{self.port}"]
