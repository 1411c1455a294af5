"""Serial jobs: those of a schedule run one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from rota.datastores._memory.agenda import Agenda

if TYPE_CHECKING:
    from rota.datastores._memory.records import Record

__all__ = ["Turns"]


@define(eq=False)
class _Line:
    """The serial jobs of a schedule.

    :param first: the one that has its turn
    :param blocked: the others, by their fire times
    """

    first: Record
    blocked: Agenda[Record] = field(factory=Agenda)


class Turns:
    """Says which serial jobs have their turn."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def take(self, record: Record) -> bool:
        """Line a new job up, if it is serial; tell whether it has its turn at once."""
        fire_time = record.fire_time if record.job.serial else None
        if fire_time is None:
            return True
        schedule_id, nominal = fire_time
        line = self._lines.get(schedule_id)
        if line is None:
            self._lines[schedule_id] = _Line(record)
            return True
        line.blocked.put((nominal, record.job.id.int, record))
        return False

    def leave(self, record: Record) -> Record | None:
        """Take a job out of its line; return the one whose turn it is because of that, if there is one."""
        fire_time = record.fire_time if record.job.serial else None
        if fire_time is None:
            return None
        schedule_id, _ = fire_time
        line = self._lines[schedule_id]
        if line.first is not record:
            line.blocked.discard(record)
            return None
        if not line.blocked:
            del self._lines[schedule_id]
            return None
        line.first = line.blocked.pop()
        return line.first
