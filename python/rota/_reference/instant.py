"""Instants: integers that count the microseconds since 1970-01-01T00:00:00Z."""

from __future__ import annotations

from datetime import datetime, timezone

__all__ = ["DAY", "MAX_MICROS", "MIN_MICROS", "SECOND", "to_micros"]

SECOND = 1_000_000
DAY = 86_400 * SECOND

#: 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z
MIN_MICROS = -62_135_596_800 * SECOND
MAX_MICROS = 253_402_300_799 * SECOND + 999_999

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def to_micros(moment: datetime) -> int:
    """Return the instant of an aware `moment`. Raise TypeError if it is naive."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds
