"""Read TZif bytes (RFC 8536): explicit transitions, then the rule of the footer.

What is malformed is a ValueError; nothing is allocated that the data does not back.
"""

from __future__ import annotations

import re
import struct
from itertools import pairwise
from typing import NamedTuple

from rota._reference.civil import days_from_civil, is_leap, month_length, weekday

__all__ = ["Rule", "Tzif", "parse_tzif"]

_HEADER = struct.Struct(">4sc15x6l")
_LOCAL_TYPE = struct.Struct(">lbB")
_DAY_SECONDS = 86_400


class RuleDate(NamedTuple):
    """One of the two changes in a POSIX TZ string: a day of the year, and seconds of local time on it."""

    kind: str  #: "J" (1-365, without 29 February), "" (0-365), "M" (month, week, weekday)
    numbers: tuple[int, ...]
    seconds: int

    def local_seconds(self, year: int) -> int:
        """Return the local wall time of the change in `year`, in seconds since 1970-01-01T00:00:00."""
        return self._day(year) * _DAY_SECONDS + self.seconds

    def _day(self, year: int) -> int:
        if self.kind == "M":
            month, week, sunday_based = self.numbers
            first = days_from_civil(year, month, 1)
            day = (sunday_based + 6 - weekday(first)) % 7 + (week - 1) * 7
            return first + (day if day < month_length(year, month) else day - 7)
        number = self.numbers[0]
        if self.kind == "J":
            number += 0 if is_leap(year) and number > 59 else -1
        return days_from_civil(year, 1, 1) + number


class Rule(NamedTuple):
    """Two offsets that take turns every year, in seconds east of Greenwich."""

    standard: int
    summer: int
    start: RuleDate
    end: RuleDate

    def transitions(self, year: int) -> list[tuple[int, int]]:
        """Return the changes of `year` in order, as (UTC seconds, offset from then on)."""
        return sorted(
            (
                (self.start.local_seconds(year) - self.standard, self.summer),
                (self.end.local_seconds(year) - self.summer, self.standard),
            )
        )


class Tzif(NamedTuple):
    """The contents of a TZif file."""

    offset: int  #: seconds east of Greenwich, before the first transition
    transitions: list[tuple[int, int]]  #: (UTC seconds, offset from then on), ascending
    rule: Rule | None  #: what holds after the last transition; None: its offset stays


def parse_tzif(data: bytes) -> Tzif:
    """Return what `data` says. Raise ValueError if it is not well-formed."""
    version, counts = _read_header(data, 0)
    if version == b"\0":
        offset, transitions, _ = _read_block(data, _HEADER.size, counts, 4)
        return Tzif(offset, transitions, None)
    second = _HEADER.size + _block_size(counts, 4)
    _, counts = _read_header(data, second)
    offset, transitions, end = _read_block(data, second + _HEADER.size, counts, 8)
    footer = data[end:]
    if len(footer) < 2 or footer[:1] != b"\n" or b"\n" not in footer[1:]:
        raise ValueError("TZif footer must be enclosed in newlines")
    text = footer[1 : footer.index(b"\n", 1)]
    if not text:
        return Tzif(offset, transitions, None)
    rule = _parse_posix(text)
    if isinstance(rule, Rule):
        return Tzif(offset, transitions, rule)
    if not transitions:
        return Tzif(rule, [], None)
    return Tzif(offset, transitions, None)


def _read_header(data: bytes, at: int) -> tuple[bytes, tuple[int, ...]]:
    if len(data) < at + _HEADER.size:
        raise ValueError(
            f"TZif header must have {_HEADER.size} bytes, got: {max(0, len(data) - at)}"
        )
    magic, version, *counts = _HEADER.unpack_from(data, at)
    if magic != b"TZif":
        raise ValueError(f"TZif magic must be b'TZif', got: {magic!r}")
    if min(counts) < 0:
        raise ValueError(f"TZif counts must not be negative, got: {min(counts)}")
    return version, tuple(counts)


def _block_size(counts: tuple[int, ...], time_size: int) -> int:
    utc_count, standard_count, leap_count, time_count, type_count, name_size = counts
    leaps = leap_count * (time_size + 4)
    return (
        time_count * (time_size + 1)
        + type_count * 6
        + name_size
        + leaps
        + standard_count
        + utc_count
    )


def _read_block(
    data: bytes, at: int, counts: tuple[int, ...], time_size: int
) -> tuple[int, list[tuple[int, int]], int]:
    """Return the first offset, the transitions, and where the block ends."""
    time_count, type_count = counts[3], counts[4]
    end = at + _block_size(counts, time_size)
    if len(data) < end:
        raise ValueError(f"TZif data must have {end} bytes, got: {len(data)}")
    if type_count == 0:
        raise ValueError("TZif data must have a local time type")
    times = struct.unpack_from(f">{time_count}{'l' if time_size == 4 else 'q'}", data, at)
    at += time_count * time_size
    indexes = data[at : at + time_count]
    at += time_count
    offsets = [_LOCAL_TYPE.unpack_from(data, at + index * 6)[0] for index in range(type_count)]
    for offset in offsets:
        _check_offset(offset)
    if any(index >= type_count for index in indexes):
        raise ValueError(f"TZif type index must be below {type_count}, got: {max(indexes)}")
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("TZif transitions must ascend")
    transitions = [(time, offsets[index]) for time, index in zip(times, indexes, strict=True)]
    return offsets[0], transitions, end


def _check_offset(seconds: int) -> int:
    if not -_DAY_SECONDS < seconds < _DAY_SECONDS:
        raise ValueError(f"UTC offset must be less than a day, got: {seconds} seconds")
    return seconds


_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+\-]{3,}>)"
_TIME = r"[+-]?\d{1,3}(?::\d{1,2}(?::\d{1,2})?)?"
_DATE = r"(?:J\d{1,3}|\d{1,3}|M\d{1,2}\.\d\.\d)"
_POSIX = re.compile(
    rf"{_NAME}({_TIME})(?:{_NAME}({_TIME})?,({_DATE})(?:/({_TIME}))?,({_DATE})(?:/({_TIME}))?)?",
    re.ASCII,
)


def _parse_posix(text: bytes) -> Rule | int:
    """Return the rule of a POSIX TZ string, or its only offset in seconds."""
    match = _POSIX.fullmatch(text[:128].decode("latin-1"))
    if match is None:
        raise ValueError(f"TZif footer must be a POSIX TZ string, got: {text[:64]!r}")
    west, summer_west, start, start_time, end, end_time = match.groups()
    standard = _check_offset(-_seconds(west, 24))
    if start is None:
        return standard
    summer = standard + 3600 if summer_west is None else _check_offset(-_seconds(summer_west, 24))
    _check_offset(summer)
    return Rule(standard, summer, _rule_date(start, start_time), _rule_date(end, end_time))


def _seconds(text: str, max_hours: int) -> int:
    """Return the seconds of `[+-]h[:mm[:ss]]`."""
    sign = -1 if text[0] == "-" else 1
    hours, minutes, seconds = (*map(int, text.lstrip("+-").split(":")), 0, 0)[:3]
    if hours > max_hours or minutes > 59 or seconds > 59:
        raise ValueError(f"TZif footer must have times up to {max_hours} hours, got: {text}")
    return sign * (hours * 3600 + minutes * 60 + seconds)


def _rule_date(text: str, time: str | None) -> RuleDate:
    seconds = 7200 if time is None else _seconds(time, 167)
    kind = text[0] if text[0] in "JM" else ""
    numbers = tuple(map(int, text[len(kind) :].split(".")))
    lows, highs = {"J": ((1,), (365,)), "": ((0,), (365,)), "M": ((1, 1, 0), (12, 5, 6))}[kind]
    if not all(
        low <= number <= high for low, number, high in zip(lows, numbers, highs, strict=True)
    ):
        raise ValueError(f"TZif footer must have dates within the year, got: {text}")
    return RuleDate(kind, numbers, seconds)
