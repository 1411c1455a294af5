"""What is asked of every peer: plain data, so that each worker can say it in its own library's words."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import NamedTuple
from zoneinfo import ZoneInfo

#: the six patterns: name -> (expression, calls of next() that stay within the next decades)
PATTERNS = {
    "every minute": ("* * * * *", 1000),
    "every 5 minutes": ("*/5 * * * *", 1000),
    "weekdays at 9": ("0 9 * * mon-fri", 500),
    "twice a month": ("30 4 1,15 * *", 200),
    "leap day": ("0 0 29 2 *", 15),
    "third friday": ("0 12 * * 5#3", 150),
}
#: a subject whose expression is another one each time, so that nobody has it in a cache
NEW = "never seen before"
_numbers = count()
ZONES = ("UTC", "Europe/Berlin")
STARTS = {zone: datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)) for zone in ZONES}
#: what the coalescing cases missed, in seconds, of a trigger that fires every second
MISSED = {"a minute": 60, "a day": 86_400, "a year": 31_536_000}


class Case(NamedTuple):
    """One thing to be timed.

    :param kind: what is measured; see `CASES`
    :param subject: the pattern, or what else the kind is about
    :param zone: the IANA name of the zone
    :param calls: how often one object is asked before a fresh one is taken
    """

    kind: str
    subject: str
    zone: str = "UTC"
    calls: int = 1000

    @property
    def name(self) -> str:
        """Return the name that the protocol uses."""
        return f"{self.kind}/{self.subject}/{self.zone}"

    @property
    def expression(self) -> str:
        """Return the crontab expression of the pattern."""
        if self.subject == NEW:
            number = next(_numbers)
            return f"{number % 60} {number // 60 % 24} {number // 1440 % 28 + 1} * *"
        return PATTERNS[self.subject][0]

    @property
    def start(self) -> datetime:
        """Return the aware start time."""
        return STARTS[self.zone]


def _cases() -> list[Case]:
    cases = [Case("yardstick", "empty method call"), Case("yardstick", "aware datetime")]
    for zone in ZONES:
        for pattern, (_, calls) in PATTERNS.items():
            cases += [
                Case("next", pattern, zone, calls),
                Case("construct", pattern, zone, 1),
                Case("construct and first", pattern, zone, 1),
            ]
        cases += [
            Case("construct", NEW, zone, 1),
            Case("construct and first", NEW, zone, 1),
            Case("next", "interval", zone),
            Case("next", "calendar interval", zone, 150),
            Case("next", "and", zone, 20),
            Case("next", "or", zone),
            Case("next n", "every 5 minutes", zone, 5),
            Case("next n micros", "every 5 minutes", zone, 5),
        ]
    cases += [Case("latest", missed, calls=500) for missed in MISSED]
    return cases


CASES = {case.name: case for case in _cases()}
