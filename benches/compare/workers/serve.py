"""The measuring side of the protocol: one JSON request a line in, one JSON answer a line out.

Runs in the peers' environments, so it uses nothing but the standard library.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import repeat
from time import perf_counter_ns
from typing import Any

from cases import CASES, Case

#: returns the call to be timed, or a reason why the library has no such thing
Make = Callable[[Case], "Callable[[], Any] | str"]
BATCH = 8


class _Empty:
    def method(self) -> None:
        """Do nothing: what a call costs at least."""


def _yardstick(case: Case) -> Callable[[], Any]:
    if case.subject == "empty method call":
        return _Empty().method
    zone = case.start.tzinfo
    return lambda: datetime(2026, 1, 1, 12, 30, 0, 0, zone)


def sample(make: Make, case: Case, budget_ns: int) -> tuple[float, int]:
    """Time about `budget_ns` of calls; return nanoseconds per call, loop included, and how many calls that was.

    Making the objects, and the first call of each, which may compile, are outside the timed part,
    but for the kinds that are about construction, whose call does all of it.
    """
    total, count, batch = 0, 0, 1
    calls = case.calls
    while total < budget_ns:
        steps = [make(case) for _ in range(batch)]
        if not case.kind.startswith("construct"):
            for step in steps:
                step()
        begin = perf_counter_ns()
        for step in steps:
            for _ in repeat(None, calls):
                step()
        total += perf_counter_ns() - begin
        count += batch * calls
        batch = BATCH if calls >= 5 else 100
        if total * batch > budget_ns * count // calls * 4:
            batch = 1
    return total / count, count


def _answer(make: Make, request: dict[str, Any]) -> dict[str, Any]:
    case = CASES[request["case"]]
    if case.kind == "yardstick":
        make = _yardstick
    call = make(case)
    if isinstance(call, str):
        return {"unsupported": call}
    if "first" in request:
        return {"first": [str(call()) for _ in range(request["first"])]}
    ns, count = sample(make, case, request["budget_ns"])
    return {"ns": ns, "calls": count}


def serve(make: Make, about: dict[str, str]) -> None:
    """Answer requests until standard input ends. What a library prints goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    sys.stdout = sys.stderr
    about["python"] = sys.version.split()[0]
    print(json.dumps(about), file=answers)
    gc.disable()
    for line in sys.stdin:
        try:
            answer = _answer(make, json.loads(line))
        except Exception as error:  # noqa: BLE001 - whatever a peer raises becomes its answer
            answer = {"unsupported": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers)
        gc.collect()


def version(distribution: str) -> dict[str, str]:
    """Return the installed version of a distribution, as the greeting wants it."""
    from importlib.metadata import version as installed

    return {"version": installed(distribution)}


__all__: Sequence[str] = ["sample", "serve", "version"]
