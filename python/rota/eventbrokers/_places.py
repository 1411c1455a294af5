"""Where servers are, as it may be logged: without what is secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from rota._secrets import is_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["address", "passwords"]

_PAIR = re.compile(r"(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S*))")


def address(place: str) -> str:
    """Return host, port and path of a URL, or those of a libpq connection string."""
    if "://" not in place:
        found = _pairs(place)
        return f"{found.get('host', 'localhost')}:{found.get('port', '')}/{found.get('dbname', '')}"
    # A password may contain what would end it, if it was not encoded, so all before the last @ may belong to it.
    return re.split("[?#]", place.partition("://")[2].rpartition("@")[2], maxsplit=1)[0]


def passwords(place: str, options: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Return the secrets in a URL or a libpq connection string, as they stand there and decoded, and in options."""
    if "://" in place:
        scheme, _, rest = place.partition("://")
        user, _, password = rest.rpartition("@")[0].partition(":")
        found = [password or (user if scheme in {"nats", "tls"} else "")]  # NATS: a token
        for name, values in parse_qs(rest.partition("?")[2]).items():
            found += values if is_secret(name) else []
    else:
        found = [value for name, value in _pairs(place).items() if is_secret(name)]
    found += [
        value
        for name, value in (options or {}).items()
        if isinstance(value, str) and is_secret(name)
    ]
    return tuple({*found, *map(unquote, found)} - {""})


def _pairs(conninfo: str) -> dict[str, str]:
    return {name: quoted or plain for name, quoted, plain in _PAIR.findall(conninfo)}
