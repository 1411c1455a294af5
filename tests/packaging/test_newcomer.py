"""A newcomer follows the README, from an empty directory to a schedule that survives being killed.

`make newcomer` shows the record. Every shell command and every program is taken from the README as it stands there.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import pytest
from attrs import define, field

from tests._processes import die_with_parent, pause
from tests.packaging.conftest import ROOT, copy_sources

pytestmark = pytest.mark.once

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECONDS = 90  #: a job of the killed process may be held for the 30 seconds of its lease
CLONE = "/path/to/this/clone"
REPORT = "report for Ada, due at {}"
DUE = re.compile(REPORT.format(r"(\d\d:\d\d:\d\d)"))


def section(title: str) -> str:
    """Return the text of a section of the README."""
    _, _, rest = README.partition(f"\n## {title}")
    return rest.partition("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@define
class Program:
    """A program that runs in the background, and what it has printed, perhaps together with another one."""

    process: subprocess.Popen[str]
    lines: Queue[str] = field(factory=Queue)
    reader: Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.reader = Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip())

    def next_lines(self, count: int) -> list[str]:
        """Wait for so many lines."""
        try:
            return [self.lines.get(timeout=SECONDS) for _ in range(count)]
        except Empty:
            raise AssertionError(
                f"it printed too little; its status: {self.process.poll()}"
            ) from None

    def rest(self) -> list[str]:
        """Return what was printed before it ended, and has not been looked at."""
        self.process.wait(SECONDS)
        self.reader.join(SECONDS)
        return [self.lines.get() for _ in range(self.lines.qsize())]


@define
class Shell:
    """What a newcomer types, in a directory and an environment of its own; and the record of it."""

    folder: Path
    clone: Path
    record: list[str] = field(factory=list)

    @property
    def variables(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "VIRTUAL_ENV", "ROTA_"))
        }
        path = f"{self.folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return inherited | {
            "PATH": path,
            "CARGO_TARGET_DIR": str(ROOT / "target"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def run(self, command: str, *, statuses: tuple[int, ...] = (0,)) -> str:
        """Run a command to its end, and return what it printed."""
        ran = subprocess.run(
            ["bash", "-c", command.replace(CLONE, str(self.clone))],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.note(command, *ran.stdout.splitlines()[-12:])
        assert ran.returncode in statuses, ran.stdout
        return ran.stdout

    @contextmanager
    def start(self, command: str, beside: Program | None = None) -> Iterator[Program]:
        """Run a program in the background until the block is left.

        :param beside: the program that prints to the same terminal
        """
        self.note(command)
        with subprocess.Popen(
            shlex.split(command.removesuffix("&")),
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        ) as process:
            program = Program(process, Queue() if beside is None else beside.lines)
            try:
                yield program
            finally:
                process.kill()
                program.reader.join()

    def save(self, name: str, code: str) -> None:
        """Save a file."""
        self.note(f"cat > {name}", f"({len(code.splitlines())} lines)")
        (self.folder / name).write_text(code, encoding="utf-8")

    def note(self, command: str, *output: str) -> None:
        """Add to the record."""
        self.record += [f"$ {command}", *output]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Provide an empty directory, and a clone elsewhere; print the record in the end."""
    folder = tmp_path / "empty"
    folder.mkdir()
    shell = Shell(folder, copy_sources(tmp_path / "clone"))
    yield shell
    print("", *shell.record, sep="\n")  # noqa: T201 - `make newcomer` shows it


def fire_times(lines: list[str]) -> list[str]:
    found = []
    for line in lines:
        match = DUE.fullmatch(line)
        assert match is not None, line
        found.append(match[1])
    return found


@pytest.mark.timeout(900)
def test_readme_leads_from_nothing_to_a_schedule_that_survives(shell: Shell) -> None:
    text = section("From an empty directory to a schedule that survives `kill -9`")
    installing, looking, together = (block.splitlines() for block in blocks(text, "sh"))
    (program,) = blocks(text, "python")

    assert installing[0] == "python3 -m venv .venv"
    shell.run(f"{sys.executable} -m venv .venv")
    assert installing[1] == ". .venv/bin/activate"
    (install,) = installing[2:]
    assert install.startswith("pip install ")
    assert CLONE in install
    shell.run(install)
    shell.save("report.py", program)

    run, wait, kill, *look = looking
    assert run == "python report.py &"
    assert re.fullmatch(r"sleep \d", wait), "pasted, it has to report before it is killed"
    with shell.start(run) as first:
        before = fire_times(first.next_lines(3))
        pause(
            0.3
        )  # so that it is between two jobs; otherwise its lease has to end before the next one
        assert kill == "kill -9 $!"
        first.process.send_signal(signal.SIGKILL)
        before += fire_times(first.rest())
    shell.note(kill, *map(REPORT.format, before))
    assert all(command.startswith("rota ") for command in look)
    listed, forecast = (shell.run(command) for command in look)
    assert re.search(r"^report-for-ada\treport\tactive\t", listed, re.MULTILINE)
    assert re.search(r"^3600 runs of 1 schedule ", forecast, re.MULTILINE)

    with shell.start(run) as second:
        after = fire_times(second.next_lines(3))
        second.process.terminate()
        after += fire_times(second.rest())
        assert second.process.returncode == 0
    shell.note("kill %1", *map(REPORT.format, after))
    assert max(before) < min(after) or min(after) < "00:10:00", "it goes on where it was"

    assert together == ["python report.py &", "python report.py &"]
    with shell.start(together[0]) as third, shell.start(together[1], third) as fourth:
        both = fire_times(third.next_lines(5))
        for each in (third, fourth):
            each.process.terminate()
            both += fire_times(each.rest())
    shell.note("kill %1 %2", *map(REPORT.format, sorted(both)))
    all_times = before + after + both
    assert len(set(all_times)) == len(all_times), "one report for each second, whoever made it"

    other_sections(shell)


def other_sections(shell: Shell) -> None:
    """Follow what else the README shows."""
    commands = re.findall(r"^    (rota .*?)(?: +#.*)?$", section("The command line"), re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        shell.run(command, statuses=(0, 1) if command.startswith("rota doctor") else (0,))

    (queue,) = blocks(section("A queue"), "python")
    (printed,) = blocks(section("A queue"), "text")
    shell.save("queue_of_jobs.py", queue)
    assert shell.run("python queue_of_jobs.py") == printed

    tick = blocks(README, "python")[0]
    shell.save("tick.py", tick)
    with shell.start("python -u tick.py &") as program:
        assert program.next_lines(2) == ["tick", "tick"]
        program.process.terminate()
        program.rest()
        assert program.process.returncode == 0
    assert shell.run("python -c 'import rota; print(rota.backend)'").strip() in ("rust", "python")
