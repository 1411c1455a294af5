"""croniter and the two libraries that took over its API, named by the first argument.

A second argument `bound` gives the return type to the constructor instead of to each call, which is quicker.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from serve import serve, version

if TYPE_CHECKING:
    from cases import Case

croniter: Any = None
BOUND = "bound" in sys.argv


def make(case: Case) -> Callable[[], Any] | str:
    """Return the call to be timed."""
    start = case.start
    if case.kind == "next" and BOUND:
        return croniter(case.expression, start, ret_type=datetime).get_next
    if case.kind == "next":
        return partial(croniter(case.expression, start).get_next, datetime)
    if BOUND:
        return "as without"
    if case.kind == "construct":
        return lambda: croniter(case.expression, start)
    if case.kind == "construct and first":
        return lambda: croniter(case.expression, start).get_next(datetime)
    return "not offered"


def offered(case: Case) -> Callable[[], Any] | str:
    """Return the call, or that the library knows cron expressions only."""
    try:
        return make(case)
    except KeyError:
        return "not offered"


if __name__ == "__main__":
    distribution = sys.argv[1]
    croniter = import_module(distribution.replace("-", "_")).croniter
    serve(offered, version(distribution))
