from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.packaging.conftest import ROOT

BANNED = [
    "from datetime import datetime; datetime.now()",
    "from datetime import datetime; datetime.utcnow()",
    "from datetime import datetime; datetime.today()",
    "from datetime import date; date.today()",
    "import datetime as dt; dt.datetime.now()",
    "import time; time.sleep(1)",
    "from time import monotonic; monotonic()",
    "import random; random.random()",
    "import random; random.uniform(0, 1)",
    "from random import choice; choice([1])",
    "import secrets; secrets.token_hex()",
    "import os; os.urandom(8)",
    "from uuid import uuid4; uuid4()",
    "import uuid; uuid.uuid1()",
    "import asyncio; asyncio.sleep(1)",
    "import anyio; anyio.sleep(1)",
    "from anyio import sleep; sleep(1)",
    "import trio; trio.sleep(1)",
]
ALLOWED = [
    "from random import Random; Random(1).random()",
    "from uuid import UUID; UUID(int=1)",
    "from datetime import datetime; datetime.fromtimestamp(0)",
    "from datetime import time; time(12)",
    "import anyio; anyio.Event()",
]


def rejected(lines: list[str], file: str) -> list[str]:
    """Those of `lines` that the lint rejects where they stand in `file`."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select=TID251"]
    done = subprocess.run(
        [*command, "--output-format=json", f"--stdin-filename=python/rota/{file}", "-"],
        input="\n".join(lines),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    rows = {finding["location"]["row"] for finding in json.loads(done.stdout)}
    return [line for row, line in enumerate(lines, start=1) if row in rows]


def test_time_randomness_and_ids_are_taken_from_outside() -> None:
    assert rejected(BANNED, "schedulers/async_.py") == BANNED


def test_what_is_given_a_seed_or_a_value_is_allowed() -> None:
    assert rejected(ALLOWED, "schedulers/async_.py") == []


def test_the_module_that_provides_them_may_call_them() -> None:
    assert rejected(BANNED, "_environment.py") == []


def imported_at_run_time(tree: ast.AST) -> Iterator[str]:
    """The dotted names that a module imports, but for those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if (
            isinstance(node, ast.If)
            and isinstance(node.test, ast.Name)
            and node.test.id == "TYPE_CHECKING"
        ):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value  # as import_module takes it
        else:
            yield from imported_at_run_time(node)


def test_only_one_module_imports_the_two_cores() -> None:
    package = ROOT / "python" / "rota"
    importers = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        for name in imported_at_run_time(ast.parse(path.read_text(encoding="utf-8")))
        if re.fullmatch(r"rota\._(core|reference)[\w.]*", name)
    }
    assert importers == {"_backend.py", "_reference"}
