"""Every Python block of the documentation runs, and prints what the page says that it prints.

The blocks of a page share their names, in order. A block `text` right behind one is what it prints. One that calls
`run_until_stopped()` is a whole program: it runs in a process of its own and is stopped as a user would stop it. What
`<!-- needs: postgresql -->` stands before needs that server; `<!-- only shown -->` says that a block is part of something
else, and is only compiled.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests._services import need

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
FENCE = re.compile(
    r"(?:<!-- (?P<note>[^>]*) -->\n+)?^(?P<indent> *)```(?P<language>\w+)\n(?P<code>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
SECONDS_OF_A_PROGRAM = 60
STARTED = "scheduler started"


class Block(NamedTuple):
    code: str
    printed: str | None
    note: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Yield the Python blocks of a page, each with the text block that follows it at once."""
    text = page.read_text(encoding="utf-8")
    fences = list(FENCE.finditer(text))
    for fence, behind in zip_longest(fences, fences[1:]):
        if fence["language"] != "python":
            continue
        follows = (
            behind is not None
            and behind["language"] == "text"
            and not text[fence.end() : behind.start()].strip()
        )
        yield Block(
            fence["code"],
            behind["code"] if follows else None,
            fence["note"] or "",
            text.count("\n", 0, fence.start("code")) + 1,
        )


def run_program(code: str, folder: Path) -> None:
    """Run a program, stop it once its scheduler has started, and see that it ends in order."""
    path = folder / "program.py"
    path.write_text(f"import logging\nlogging.basicConfig(level=logging.INFO)\n{code}")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with subprocess.Popen(
        [sys.executable, path], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        log = []
        for line in process.stderr:
            log.append(line)
            if STARTED in line:
                process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS_OF_A_PROGRAM) == 0, "".join(log)
    assert any(STARTED in line for line in log), "".join(log)
    assert not any("Traceback" in line or "ERROR" in line for line in log), "".join(log)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(blocks(page))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_blocks_run_and_print_what_the_page_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        compiled = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
        if block.note == "only shown":
            continue
        if block.note.startswith("needs: "):
            need(block.note.removeprefix("needs: "))
        if "run_until_stopped()" in block.code:
            run_program(block.code, tmp_path)
            continue
        output = StringIO()
        with redirect_stdout(output):
            exec(compiled, names)  # the point of the test
        if block.printed is not None:
            assert output.getvalue() == block.printed, where
