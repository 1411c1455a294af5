"""Which options and parts of URLs are secret, and never shown."""

from __future__ import annotations

import re

__all__ = ["is_secret"]

_SECRET = re.compile(r"(?:\w*pass(?:word|wd|phrase)?|\w*secret|\w*token)", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Tell whether the value of an option by this name is secret."""
    return _SECRET.fullmatch(name) is not None
