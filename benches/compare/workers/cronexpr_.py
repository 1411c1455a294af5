"""cronexpr: one function that parses the expression anew at every call, in UTC only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cases import PATTERNS, Case
from cronexpr import next_fire
from serve import serve, version


def make(case: Case) -> Callable[[], Any] | str:
    """Return the call to be timed."""
    if case.kind != "next" or case.subject not in PATTERNS:
        return "not offered"
    if case.zone != "UTC":
        return "UTC only"
    expression, last = case.expression, case.start

    def step() -> Any:
        nonlocal last
        last = next_fire(expression, last)
        return last

    return step


if __name__ == "__main__":
    serve(make, version("cronexpr"))
