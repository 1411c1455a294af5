"""Where servers are, as it may be logged: without what is secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["address", "passwords"]

_SECRET = re.compile(r"(?:\w*password|secret|token)", re.IGNORECASE)
_PAIR = re.compile(r"(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S*))")


def address(place: str) -> str:
    """Return host, port and path of a URL, or those of a libpq connection string."""
    if "://" not in place:
        found = _pairs(place)
        return f"{found.get('host', 'localhost')}:{found.get('port', '')}/{found.get('dbname', '')}"
    split = urlsplit(place)
    return f"{split.netloc.rpartition('@')[2]}{split.path}"


def passwords(place: str, options: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Return the secrets in a URL or a libpq connection string, as they stand there and decoded, and in options."""
    if "://" in place:
        split = urlsplit(place)
        user, _, password = split.netloc.rpartition("@")[0].partition(":")
        found = [password or (user if split.scheme in {"nats", "tls"} else "")]  # NATS: a token
        for name, values in parse_qs(split.query).items():
            found += values if _SECRET.fullmatch(name) else []
    else:
        found = [value for name, value in _pairs(place).items() if _SECRET.fullmatch(name)]
    found += [
        value
        for name, value in (options or {}).items()
        if isinstance(value, str) and _SECRET.fullmatch(name)
    ]
    return tuple({*found, *map(unquote, found)} - {""})


def _pairs(conninfo: str) -> dict[str, str]:
    return {name: quoted or plain for name, quoted, plain in _PAIR.findall(conninfo)}
