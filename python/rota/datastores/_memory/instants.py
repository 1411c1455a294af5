"""Times as they are compared: in UTC, because Python compares those of one zone by their wall clock readings."""

from __future__ import annotations

from datetime import datetime, timezone

__all__ = ["instant"]

_UTC = timezone.utc
_FIRST = datetime.min.replace(tzinfo=_UTC)
_LAST = datetime.max.replace(tzinfo=_UTC)


def instant(moment: datetime) -> datetime:
    """Return an aware time in UTC; one that lies outside of the years 1 to 9999 there, as near as there is."""
    if moment.tzinfo is _UTC:
        return moment
    try:
        return moment.astimezone(_UTC)
    except OverflowError:
        return _FIRST if moment.year == 1 else _LAST
