"""A job that is defined in the main module: the program is read again for it, and must not start a scheduler then."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.once

PROGRAM = """
from rota import Scheduler


def double(number):
    return 2 * number


def main():
    with Scheduler() as scheduler:
        scheduler.start_in_background()
        for number in (1, 2):
            try:
                print(scheduler.run_job(double, args=[number], job_executor="processpool"))
            except RuntimeError as error:
                print(error)


"""


def run(path: Path, program: str) -> str:
    path.write_text(program)
    command = [sys.executable, str(path)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout


def test_guarded_program_runs(tmp_path: Path) -> None:
    assert (
        run(tmp_path / "guarded.py", PROGRAM + 'if __name__ == "__main__":\n    main()\n')
        == "2\n4\n"
    )


CLASSES = """
from dataclasses import dataclass

from rota import Scheduler


@dataclass
class Report:
    total: int


class Refused(Exception):
    pass


def make():
    return Report(5)


def refuse():
    raise Refused("no")


if __name__ == "__main__":
    with Scheduler() as scheduler:
        scheduler.start_in_background()
        print(scheduler.run_job(make, job_executor="processpool") == Report(5))
        try:
            scheduler.run_job(refuse, job_executor="processpool")
        except Refused as error:
            print(error)
"""


def test_classes_of_the_main_module_come_back_as_they_are(tmp_path: Path) -> None:
    assert run(tmp_path / "classes.py", CLASSES) == "True\nno\n"


def test_program_without_a_guard_is_told_of_it_each_time(tmp_path: Path) -> None:
    lines = run(tmp_path / "unguarded.py", PROGRAM + "main()\n").splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.endswith('starts the scheduler under `if __name__ == "__main__":`')
