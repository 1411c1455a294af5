"""Names of channels: what servers take, and how characters that mean something to them lose their meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re

__all__ = ["check_name", "escaped"]


def check_name(kind: str, name: str, most: int) -> None:
    """Refuse a name that no server would take.

    :param kind: what it is the name of, for the message
    :param most: how many bytes it may have in UTF-8
    :raises ValueError: if it has no bytes, too many, or cannot be written in UTF-8
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{kind} must have no surrogates, got: {name[:100]!r}") from None
    if not 0 < size <= most:
        raise ValueError(f"{kind} must have 1-{most} bytes, got: {name[:100]!r}")


def escaped(name: str, special: re.Pattern[str]) -> str:
    """Write what `special` matches as in a URL, byte by byte.

    Different names stay different, as long as `special` matches the percent sign.
    """
    return special.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()),
        name,
    )
