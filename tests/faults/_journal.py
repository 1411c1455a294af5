"""What jobs really did, in a file that no store knows of: a lost database cannot hide that a job ran twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "Journal", "write"]

PATH_VARIABLE = "ROTA_FAULTS_JOURNAL"
NODE_VARIABLE = "ROTA_FAULTS_NODE"


@frozen(kw_only=True)
class Entry:
    """One thing that happened.

    :param what: "started", "ran", "began", "ended", "released", "lost"
    :param node: the identity of the node
    :param fire: the nominal fire time of the job, in microseconds since 1970
    """

    what: str
    node: str
    pid: int
    job: str = ""
    task: str = ""
    schedule: str = ""
    fire: int = 0
    attempt: int = 0
    outcome: str = ""


def write(what: str, **details: Any) -> None:
    """Append an entry. One `write` to a file opened for appending is not mixed up with those of other processes."""
    entry = {"what": what, "node": os.environ[NODE_VARIABLE], "pid": os.getpid(), **details}
    descriptor = os.open(os.environ[PATH_VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, json.dumps(entry).encode() + b"\n")
    finally:
        os.close(descriptor)


class Journal:
    """The entries of all nodes, in the order in which they were written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self, what: str | None = None, **details: Any) -> list[Entry]:
        """Return the entries of a kind whose attributes have the given values."""
        return [
            entry
            for entry in self._read()
            if what in (None, entry.what)
            and all(getattr(entry, name) == value for name, value in details.items())
        ]

    def count(self, what: str, **details: Any) -> int:
        return len(self.entries(what, **details))

    def _read(self) -> Iterator[Entry]:
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                yield Entry(**json.loads(line))
