"""The trigger core: compiled from rust/, and in Python as `rota._reference`. Same names, same answers.

An instant is an `int`: microseconds since 1970-01-01T00:00:00Z, within `MIN_MICROS`-`MAX_MICROS` (years 1 to 9999). A
fire time outside, or whose wall time would be outside these years, does not exist. An `after`, `at` or `until` outside
is clamped. Weekdays are numbered as by `date.weekday()`. Bit n of a mask stands for the value n.
"""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final, TypeAlias, final

__all__ = [
    "API_VERSION",
    "MAX_MICROS",
    "MIN_MICROS",
    "Cursor",
    "IterationLimitReached",
    "Plan",
    "Zone",
    "__version__",
    "between_many",
    "due_batch",
]

__version__: Final[str]
#: raised with every change of what this module offers, so that a stale build is noticed
API_VERSION: Final[int]

MIN_MICROS: Final[int]
MAX_MICROS: Final[int]

#: A position: None before the first fire time.
#: date, interval, cron, calendar_interval, any_of of such: the last fire time.
#: all_of: the states of its children after the last meeting.
#: any_of otherwise: the last fire time, and the states of its children before the fire times that they have pending.
State: TypeAlias = int | list[State] | None

#: (days, from_end, nearest_weekday, nth, last_weekday, weekdays); a date matches if any part does:
#: bits 1-31; bit k: k days before the last; bit d: the weekday nearest to day d, bit 0: the last weekday of the month;
#: bit weekday * 5 + (n - 1): the n-th such weekday; bit weekday: the last such weekday; bit weekday: every such weekday
DaySpec: TypeAlias = tuple[int, int, int, int, int, int]

#: (second, minute, hour, month, years, weeks, day, day_of_week, either): masks; years little-endian with bit y for the
#: year y, or None for any; ISO 8601 weeks, or 0 for any; either: one of day and day_of_week suffices
CronFields: TypeAlias = tuple[int, int, int, int, bytes | None, int, DaySpec, DaySpec, bool]

class IterationLimitReached(Exception):
    """Children of all_of did not meet within max_iterations, or within the steps that nested ones may take together."""

@final
class Zone:
    """The spans of constant offset of a time zone, and the tzinfo to stamp results with."""

    @staticmethod
    def from_tzif(tzinfo: tzinfo, data: bytes) -> Zone:
        """Return the zone of TZif data (RFC 8536). Raise ValueError if they are malformed."""

    @staticmethod
    def fixed(tzinfo: tzinfo, offset_micros: int) -> Zone:
        """Return the zone of a fixed offset, which is less than a day. Raise ValueError otherwise."""

    @property
    def tzinfo(self) -> tzinfo: ...
    def span_at(self, at: int) -> tuple[int, int, int]:
        """Return the first instant, the first instant after, and the offset in microseconds of the span that holds at.

        Spans are maximal (neighbours differ in offset) and tile MIN_MICROS to MAX_MICROS + 1.
        """

    def instant(self, moment: datetime) -> int | None:
        """Return the instant of a wall time of this zone. The fold tells the pass of an overlap; the tzinfo is unread.

        None if the wall clock never reads it, or the instant is outside of the years 1 to 9999.
        """

    def to_datetime(self, at: int) -> datetime:
        """Return the wall time of at: aware, with the right fold. Raise ValueError outside of the years 1 to 9999."""

@final
class Plan:
    """A compiled definition: immutable, without a position, safe to share between threads."""

    @staticmethod
    def date(zone: Zone, at: int) -> Plan: ...
    @staticmethod
    def interval(zone: Zone, start: int, step: int, end: int | None) -> Plan: ...
    @staticmethod
    def cron(
        zone: Zone, fields: CronFields, start: int, end: int | None, gap: int, overlap: int
    ) -> Plan:
        """gap: 0 skip, 1 shift to its end. overlap: 0 first pass, 1 second pass, 2 both."""

    @staticmethod
    def calendar_interval(
        zone: Zone,
        start_ordinal: int,
        end_ordinal: int | None,
        months: int,
        days: int,
        time_of_day_micros: int,
    ) -> Plan: ...
    @staticmethod
    def any_of(plans: Sequence[Plan]) -> Plan: ...
    @staticmethod
    def all_of(plans: Sequence[Plan], threshold: int, max_iterations: int) -> Plan: ...
    def first_after(self, after: int) -> int | None:
        """Return the first fire time of the plan if every part of it starts later than after."""

    def last_at_or_before(self, at: int) -> int | None:
        """Return the last fire time not later than at, of those that a cursor gives from the beginning."""

    def between(self, after: int, until: int, limit: int) -> list[int]:
        """Return the first limit fire times, not later than until, if every part of the plan starts later than after.

        For all_of this is what a cursor would give that starts there, not what repeated first_after gives.
        """

    def between_micros(self, after: int, until: int, limit: int) -> memoryview: ...
    def count(self, after: int, until: int, limit: int) -> int:
        """Return the length of what between returns."""

    def cursor(self, state: State = None) -> Cursor:
        """Return a cursor at state. Raise ValueError if it does not fit the plan."""

@final
class Cursor:
    """A position in a plan. Concurrent use is safe or raises RuntimeError."""

    @property
    def state(self) -> State: ...
    @property
    def plan(self) -> Plan: ...
    def next(self) -> datetime | None:
        """Move to the next fire time and return it. If there is none, or it raises, the state stays as it is."""

    def next_n(self, n: int) -> list[datetime]: ...
    def next_micros(self, n: int) -> memoryview: ...
    def due(
        self, pending: datetime, now: datetime, policy: int, limit: int
    ) -> tuple[list[datetime], datetime | None]:
        """Return the fire times from pending to now that policy keeps, and the next one; the cursor is left on that.

        pending is the last answer of the cursor; later than now, the answer is ([], pending) and nothing moves.
        policy 0: [pending]; 1: [the last not later than now]; 2: the first limit of them, beginning with pending. The
        next one is the first later than now, or with policy 2 the first left out. If it is None, the state is that
        after the last fire time not later than now. Raise ValueError for another policy or a limit below 1.
        """

def due_batch(
    cursors: Sequence[Cursor],
    pending: Sequence[datetime],
    now: datetime,
    policies: Sequence[int],
    limit: int,
) -> list[tuple[list[datetime], datetime | None] | Exception]:
    """Return what due returns, or the exception that it raises, for each cursor."""

def between_many(
    plans: Sequence[Plan], after: int, until: int, limit_each: int
) -> list[memoryview]: ...
