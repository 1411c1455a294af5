"""The commands that the documentation names are there, and print what it says that they print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from rota.cli._app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
SESSION = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IN_LINE = re.compile(r"`(rota [a-z][^`]*)`")
FENCE = re.compile(r"^```(?:sh|ini|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IN_BLOCK = re.compile(r"^(?:ExecStart=\S*/|\$ )?(rota [a-z].*)$", re.MULTILINE)
INDENTED = re.compile(r"^ {4}(rota [a-z].*)$", re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command line that a page shows; `[...]` stands for what may be left out."""
    text = page.read_text(encoding="utf-8")
    blocks = "\n".join(FENCE.findall(text))
    for line in [*IN_LINE.findall(text), *INDENTED.findall(text), *IN_BLOCK.findall(blocks)]:
        plain = re.sub(r"[\[\]]|\s#.*|\\\|.*", "", line)
        for alternative in plain.split("`, `"):
            yield shlex.split(alternative)[1:]


def parse(words: list[str]) -> None:
    """Parse a command line as click does, up to values: these may be placeholders."""
    command: click.Command = app
    context = click.Context(command, info_name="rota")
    while isinstance(command, click.Group) and words:
        name, *words = words
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no such command: {name}")
        command, context = found, click.Context(found, info_name=name, parent=context)
    _, left_over, _ = command.make_parser(context).parse_args(words)
    if left_over:
        raise click.UsageError(f"what is left over: {left_over}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_are_named_can_be_called_so(page: Path) -> None:
    for words in commands(page):
        try:
            parse(words)
        except click.UsageError as error:
            pytest.fail(f"rota {shlex.join(words)}: {error.format_message()}")


def test_sessions_are_as_shown() -> None:
    sessions = [
        (page.name, session)
        for page in PAGES
        for session in SESSION.findall(page.read_text(encoding="utf-8"))
    ]
    assert sessions
    for name, session in sessions:
        line, _, printed = session.partition("\n")
        words = shlex.split(line.removeprefix("$ "))
        assert words[0] == "rota", name
        ended = subprocess.run(
            [sys.executable, "-m", "rota.cli", *words[1:]],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ended.stdout == printed, name
