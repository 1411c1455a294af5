"""How the command starts: without what it does not need, and completing what is typed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.once

#: what the commands need, at least one of them, and help does not
HEAVY = {
    "anyio",
    "asyncio",
    "attrs",
    "logging",
    "opentelemetry",
    "rich",
    "rota._core",
    "rota.model",
    "rota.schedulers",
    "rota.triggers",
    "sqlalchemy",
    "tenacity",
    "tzlocal",
}
MODULES_AT_THE_END = """
import atexit, os, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
sys.argv = ["rota", *sys.argv[1:]]
from rota.cli import main
main()
"""


def modules_of(*arguments: str) -> set[str]:
    """Return the modules that a command line has loaded when it ends."""
    ended = subprocess.run(
        [sys.executable, "-c", MODULES_AT_THE_END, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ended.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_start_loads_nothing_that_is_not_needed(arguments: list[str]) -> None:
    assert modules_of(*arguments) & HEAVY == set()


def test_help_of_a_command_loads_neither_the_database_nor_the_scheduler() -> None:
    heavy = {"sqlalchemy", "anyio", "rich", "rota.model", "rota.schedulers", "rota.triggers"}
    assert modules_of("schedules", "list", "--help") & heavy == set()


def test_next_needs_no_database() -> None:
    loaded = modules_of("next", "@daily")
    assert "rota.triggers" in loaded
    assert loaded & {"sqlalchemy", "rich", "rota.schedulers", "rota.datastores"} == set()


def completions(line: str) -> set[str]:
    """Return what bash is told to offer for the last word of a line."""
    words = line.split(" ")
    ended = subprocess.run(
        [sys.executable, "-c", "from rota.cli import main; main()"],
        env={
            **os.environ,
            "_ROTA_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    return {entry.partition(",")[2] for entry in ended.stdout.split()}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("rota sch", {"schedules"}),
        ("rota schedules re", {"resume", "remove"}),
        ("rota next --over", {"--overlap"}),
        ("rota next --overlap f", {"first"}),
        ("rota schedules list --serializer ", {"pickle", "cbor", "json"}),
    ],
)
def test_completion_offers_commands_options_and_choices(line: str, offered: set[str]) -> None:
    assert completions(line) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_for_each_shell_is_printed(shell: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from rota.cli import main; main()"],
        env={**os.environ, "_ROTA_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{shell}_complete" in ended.stdout
