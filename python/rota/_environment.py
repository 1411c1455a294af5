"""The one module that reads the real clock, the local time zone and the operating system's randomness.

Everything else receives a `Clock`, a `random.Random` and an id source; a lint bans the direct calls elsewhere.
"""

from __future__ import annotations

import os
import random
import time
import zoneinfo
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone, tzinfo
from functools import lru_cache
from pathlib import Path
from pickle import PicklingError
from struct import unpack
from threading import Lock
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import anyio

from rota._making import uuid_of
from rota.abc._clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

__all__ = [
    "SystemClock",
    "current_clock",
    "local_zone",
    "new_id",
    "system_random",
    "use_clock",
]


_UTC = timezone.utc


class SystemClock(Clock):
    """The clock of the operating system."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(_UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back, from an arbitrary start."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Suspend the calling task for `seconds` of real time."""
        await anyio.sleep(seconds)


_system_clock = SystemClock()
_current_clock: ContextVar[Clock] = ContextVar("rota_current_clock", default=_system_clock)


def current_clock() -> Clock:
    """Return the clock that default start times are read from: the system's, unless `use_clock` is active."""
    return _current_clock.get()


@contextmanager
def use_clock(clock: Clock) -> Iterator[Clock]:
    """Make `clock` the current clock of this context, for tests and simulations."""
    token = _current_clock.set(clock)
    try:
        yield clock
    finally:
        _current_clock.reset(token)


def local_zone() -> tzinfo:
    """Return the local time zone of this machine, by its IANA name where one can be found.

    Raise LookupError, ValueError or OSError if the settings of the machine name none.
    """
    from tzlocal import get_localzone

    zone = get_localzone()
    return _named(zone) if type(zone) is ZoneInfo else zone


@lru_cache(maxsize=1)
def _named(zone: ZoneInfo) -> ZoneInfo:
    """Return the zone of the database that `zone` is; itself if there is none.

    Containers often have a file without a name, and TZ may be a path: what was read so cannot be stored.
    """
    try:
        zone.__reduce__()
    except PicklingError:
        setting = os.environ.get("TZ", "").removeprefix(":")
        name = _name_of(setting if os.path.isabs(setting) else "/etc/localtime", zone.key)
        return zone if name is None else ZoneInfo(name)
    return zone


def _name_of(path: str, guess: str) -> str | None:
    """Return the name of a zone whose file equals that at `path`: that of the path or `guess` if it can be."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return None
    names = zoneinfo.available_timezones() - {"localtime"}  # which is another one elsewhere
    likely = [name for name in (path.partition("/zoneinfo/")[2], guess) if name in names]
    for directory in map(Path, zoneinfo.TZPATH):
        proper = sorted(name for name in names if not (directory / name).is_symlink())
        for name in (*likely, *proper):
            file = directory / name
            if file.is_file() and file.read_bytes() == data:
                return name
    return None


def system_random() -> random.Random:
    """Return a random source that is seeded by the operating system."""
    return random.Random(os.urandom(16))


_RANDOM_BITS = 74
_STEPS = 128


class _GrowingIds:
    """Makes UUIDs of version 7 (RFC 9562, section 5.7) that grow with every call in this process.

    Where milliseconds cannot tell which came first the random part is counted up in random steps (section 6.2,
    method 2), so that jobs that are added together are run in the order in which they were added. The steps are drawn
    many at once, as asking the system takes longer than all else; a forked process draws its own.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0
        self._steps: list[int] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._lock = Lock()  # another thread may have held it
        self._steps.clear()

    def _step(self) -> int:
        if not self._steps:
            self._steps.extend(unpack(f"{_STEPS}I", os.urandom(4 * _STEPS)))
        return self._steps.pop()

    def __call__(self) -> UUID:
        millis = time.time_ns() // 1_000_000
        with self._lock:
            if millis > self._last >> _RANDOM_BITS:
                noise = int.from_bytes(os.urandom(10), "big") & (1 << _RANDOM_BITS) - 1
                self._last = millis << _RANDOM_BITS | noise
            else:
                self._last += 1 + self._step()
            value = self._last
        high, low = value >> 62, value & (1 << 62) - 1
        return uuid_of((high >> 12) << 80 | 0x7 << 76 | (high & 0xFFF) << 64 | 0b10 << 62 | low)


_growing_ids = _GrowingIds()


def new_id() -> UUID:
    """Return a new UUID of version 7, which sorts after those that this process made before."""
    return _growing_ids()
