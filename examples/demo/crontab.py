"""Read crontab files in the system format: five fields or a macro, a user, and a command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ENTRY = re.compile(r"(?P<when>@\w+|(?:\S+\s+){4}\S+)\s+(?P<user>\S+)\s+(?P<command>.+)")
SETTING = re.compile(r"\w+\s*=")


class Entry(NamedTuple):
    """One line of a crontab."""

    name: str
    when: str
    user: str
    command: str


def read_crontab(path: Path) -> list[Entry]:
    """Return the entries of the file; a comment right above entries names their package.

    :raises ValueError: if a line is neither an entry, a setting, a comment nor empty
    """
    entries: list[Entry] = []
    package = path.stem
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.strip()
        if line.startswith("#"):
            package = re.split(r"[:,]", line.lstrip("# "))[0]
        elif line and not SETTING.match(line):
            match = ENTRY.fullmatch(line)
            if match is None:
                raise ValueError(f"{path.name}, line {number}: not a crontab entry, got: {line!r}")
            entries.append(
                Entry(_name(package, entries), match["when"], match["user"], match["command"])
            )
    return entries


def _name(package: str, entries: list[Entry]) -> str:
    taken = sum(entry.name.split("-")[0] == package for entry in entries)
    return f"{package}-{taken + 1}" if taken else package
