"""cronsim: an iterator over a crontab expression that follows Debian's cron in every zone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cases import NEW, PATTERNS, Case
from cronsim import CronSim
from serve import serve, version


def make(case: Case) -> Callable[[], Any] | str:
    """Return the call to be timed."""
    if case.subject not in (*PATTERNS, NEW):
        return "not offered"
    start = case.start
    if case.kind == "next":
        return CronSim(case.expression, start).__next__
    if case.kind == "construct":
        return lambda: CronSim(case.expression, start)
    if case.kind == "construct and first":
        return lambda: next(CronSim(case.expression, start))
    return "not offered"


if __name__ == "__main__":
    serve(make, version("cronsim"))
