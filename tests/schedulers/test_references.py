"""Stored text leads to functions of the allowed modules, and to no others that can be reached through these."""

from __future__ import annotations

import os  # noqa: F401 - for stored text to try
import sys
from pathlib import Path as Elsewhere  # noqa: F401 - as above
from typing import Any
from unittest.mock import AsyncMock

import pytest

from rota import CallableLookupError, Scheduler
from rota.schedulers._callables import resolve

HERE = __name__


def work() -> str:
    return "work"


class Tools:
    @staticmethod
    def sharpen() -> str:
        return "sharp"


@pytest.mark.parametrize("name", ["work", "Tools.sharpen", "Tools"])
def test_what_an_allowed_module_defines_is_found(name: str) -> None:
    assert callable(resolve(f"{HERE}:{name}", [HERE]))
    assert callable(resolve(f"{HERE}:{name}", [HERE.partition(".")[0]]))


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "sys.exit",
        "Elsewhere",
        "Elsewhere.unlink",
        "Scheduler",
        "work.__class__",
        "work.__globals__.get",
        "work.__call__",
        "Tools.__subclasses__",
        "Tools.__init__",
        "__builtins__.get",
        "pytest.main",
    ],
)
def test_what_it_has_from_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(CallableLookupError):
        resolve(f"{HERE}:{name}", [HERE])


def test_other_modules_are_not_imported() -> None:
    with pytest.raises(CallableLookupError, match="is not registered on this scheduler"):
        resolve("antigravity:geohash", [HERE])
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("func", "args", "answer"),
    [(str.upper, ["a"], "A"), (AsyncMock(return_value=5), [], 5)],
    ids=["method-of-a-builtin", "mock"],
)
def test_callables_of_no_module_run(func: Any, args: list[Any], answer: object) -> None:
    with Scheduler() as scheduler:
        scheduler.start_in_background()
        assert scheduler.run_job(func, args=args) == answer


def test_function_that_is_given_is_the_one_that_runs() -> None:
    """Where a module is loaded again, or a cell of a notebook is run again, there are two of one name."""
    names: dict[str, Any] = {"__name__": "notebook"}
    with Scheduler() as scheduler:
        scheduler.start_in_background()
        for answer in ("first", "second", "third"):
            exec(f"def f(): return {answer!r}", names)
            sys.modules["notebook"] = type(sys)("notebook")
            sys.modules["notebook"].__dict__.update(names)
            assert scheduler.run_job(names["f"]) == answer
    del sys.modules["notebook"]
