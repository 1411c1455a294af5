"""The transactions that add, change, return and remove schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from attrs import define, evolve, field
from sqlalchemy import bindparam, delete, select, update

from rota.datastores.sql.base import in_batches
from rota.datastores.sql.instants import instant
from rota.datastores.sql.rows.objects import Definition, as_text
from rota.datastores.sql.rows.schedules import schedule_from_row, schedule_row
from rota.model import ConflictingIdError, ConflictPolicy
from rota.model._failure import in_short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from rota.datastores.sql._dialect import Values
    from rota.datastores.sql.base import Base, Claim
    from rota.datastores.sql.tasks import Tasks
    from rota.model import Schedule

__all__ = ["Added", "Encoded", "Read", "Removed", "Schedules"]


class Encoded(NamedTuple):
    """A schedule and what is stored of it."""

    schedule: Schedule
    definition: Definition
    row: Values


@define
class Added:
    """What became of schedules that were to be added.

    :param at: the time by the store's clock
    """

    at: int
    new: list[Schedule] = field(factory=list)
    changed: list[Schedule] = field(factory=list)


class Removed(NamedTuple):
    """A schedule that is gone, since when by the store's clock."""

    id: str
    task_id: str
    at: int


@define
class Read:
    """What could be read of some rows, and what could not, by id; and the time by the store's clock."""

    at: int = 0
    schedules: list[Schedule] = field(factory=list)
    unreadable: dict[str, Exception] = field(factory=dict)


class Schedules:
    """Adds, changes, returns and removes schedules.

    The first token of a schedule is taken from the time, so that it is higher than those of a schedule by the same id
    that has been removed. A claim adds one, and takes longer than a microsecond.
    """

    def __init__(self, base: Base, tasks: Tasks) -> None:
        self._base = base
        self._tasks = tasks
        table = base.tables.schedules
        among = base.dialect.among(table.c.id, "p_ids")
        self._columns = table.columns.keys()
        self._token = self._columns.index("token")
        self._latest_token = 0
        self._all = select(table).order_by(table.c.id)
        self._some = self._all.where(among)
        self._lock = self._some.with_for_update()
        self._there = select(table.c.id).where(among)
        self.writes_alone: bool = base.dialect.writes_alone
        self._delete = delete(table).where(among)
        self._set_aside = (
            update(table)
            .where(table.c.id == bindparam("p_id"))
            .values(error=bindparam("p_error"), due=None, acquired_by=None, acquired_until=None)
        )

    # adding

    def encode(self, schedules: Iterable[Schedule]) -> list[Encoded]:
        """Return what is to be stored of schedules.

        :raises SerializationError: if an argument or a trigger cannot be stored
        """
        objects = self._base.objects
        encoded = []
        for schedule in schedules:
            definition = objects.definition(schedule.id, schedule.trigger)
            encoded.append(
                Encoded(schedule, definition, schedule_row(objects, schedule, definition))
            )
        return encoded

    def add(
        self,
        connection: Connection,
        schedules: Sequence[Encoded],
        policy: ConflictPolicy,
        *,
        boldly: bool = False,
    ) -> Added:
        """Add schedules, all or none. One that is there already and would not change is left alone.

        :param boldly: whether to lock none but those that are there. On MariaDB and MySQL, in the isolation that a
            caller has, a lock on an id that is not there keeps others from adding any near it. If somebody else adds
            one of them at the same time, that raises the error of the driver
        :raises ConflictingIdError: under `ConflictPolicy.exception`, if an id is taken
        :raises TaskLookupError: if a task does not exist
        """
        task_ids = {encoded.schedule.task_id for encoded in schedules}
        now, _ = self._tasks.share(connection, task_ids)
        first_token = self._first_token(now)
        added = Added(now)
        for batch in in_batches(_distinct(schedules, policy)):
            ids = [encoded.schedule.id for encoded in batch]
            if boldly:
                ids = list(connection.execute(self._there, {"p_ids": sorted(ids)}).scalars())
            stored = self._stored(connection, ids) if ids else {}
            self._add_batch(connection, batch, stored, policy, first_token, added)
        return added

    def _first_token(self, now: int) -> int:
        """Return a token for new schedules; even while time stands still there is room for claims below the next."""
        of_time = _TOKENS + _PER_MICROSECOND * now
        self._latest_token = max(of_time, self._latest_token + _ROOM)
        return self._latest_token

    def _add_batch(
        self,
        connection: Connection,
        schedules: Sequence[Encoded],
        stored: Mapping[str, Values],
        policy: ConflictPolicy,
        first_token: int,
        added: Added,
    ) -> None:
        if stored and policy is ConflictPolicy.exception:
            raise ConflictingIdError(next(iter(stored)))
        new, changed = [], []
        for encoded in schedules:
            old = stored.get(encoded.schedule.id)
            if old is None:
                new.append(self._with_token(encoded.row, first_token))
                added.new.append(encoded.schedule)
            elif policy is ConflictPolicy.replace:
                row = self._replaced(old, encoded)
                added.changed.append(self._with_fire_times(encoded.schedule, row or old))
                if row is not None:
                    changed.append(row)
        table, dialect = self._base.tables.schedules, self._base.dialect
        if new:
            dialect.insert_many(connection, table, new)
        if changed:
            dialect.update_many(connection, table, self._columns, changed)

    def _stored(self, connection: Connection, ids: Collection[str]) -> dict[str, Values]:
        rows = connection.execute(self._lock, {"p_ids": sorted(ids)})
        return {row.id: tuple(row) for row in rows}

    def _replaced(self, old_row: Values, encoded: Encoded) -> Values | None:
        """Return the row that replaces a stored one, or `None` if nothing would change."""
        old = dict(zip(self._columns, old_row, strict=True))
        new = dict(zip(self._columns, encoded.row, strict=True))
        kept = _LAST
        stored = Definition(old["trigger"], bool(old["stateful"]), old["cursor"])
        if self._base.objects.same_definition(old["id"], stored, encoded.definition):
            kept += _NEXT
            new["due"] = (
                None if new["paused"] or new["error"] is not None else old["next_fire_time"]
            )
        for name in kept:
            new[name] = old[name]
        if all(new[name] == old[name] for name in self._columns if name not in _CLAIM):
            return None
        new["token"] = old["token"] + 1
        return tuple(new.values())

    def _with_fire_times(self, schedule: Schedule, row: Values) -> Schedule:
        stored = dict(zip(self._columns, row, strict=True))
        fire_time = instant(stored["next_fire_time"], stored["next_offset"])
        return evolve(schedule, next_fire_time=fire_time)

    # changing

    def update(self, connection: Connection, encoded: Encoded) -> int | None:
        """Overwrite a schedule if its token has not changed; return when that was, or `None`.

        :raises TaskLookupError: if its task does not exist
        """
        schedule = encoded.schedule
        stored = self._stored(connection, [schedule.id]).get(schedule.id)
        if stored is None or stored[self._token] != schedule.token:
            return None
        now, _ = self._tasks.share(connection, {schedule.task_id})
        row = self._with_token(encoded.row, schedule.token + 1)
        self._base.dialect.update_many(
            connection, self._base.tables.schedules, self._columns, [row]
        )
        return now

    def _with_token(self, row: Values, token: int) -> Values:
        return (*row[: self._token], token, *row[self._token + 1 :])

    def set_aside(self, connection: Connection, errors: Mapping[str, Exception]) -> None:
        """Let schedules that cannot be read rest, with the reason."""
        for schedule_id, exception in errors.items():
            values = {"p_id": schedule_id, "p_error": as_text(in_short(exception))}
            connection.execute(self._set_aside, values)

    def remove(self, connection: Connection, ids: Collection[str]) -> list[Removed]:
        """Remove the schedules with these ids that exist, and return them."""
        removed = []
        for batch in in_batches(sorted(ids)):
            rows = self._stored(connection, batch)
            if rows:
                connection.execute(self._delete, {"p_ids": list(rows)})
                now = self._base.now(connection)
                removed += [Removed(id_, row[1], now) for id_, row in rows.items()]
        return removed

    # reading

    def get(self, connection: Connection, ids: Collection[str] | None) -> Read:
        """Return the schedules with these ids that exist (`None`: all), ordered by id."""
        read = Read()
        if ids is None:
            self.read(connection.execute(self._all).all(), read)
        else:
            for batch in in_batches(sorted(set(ids))):
                self.read(connection.execute(self._some, {"p_ids": batch}).all(), read)
        if read.unreadable:
            read.at = self._base.now(connection)
        return read

    def read(self, rows: Iterable[Values], into: Read, claim: Claim | None = None) -> None:
        """Add what can be read of some rows, and what cannot."""
        for row in rows:
            try:
                schedule = schedule_from_row(self._base.objects, row, claim)
            except Exception as exc:  # noqa: BLE001 - reading a trigger may raise anything
                into.unreadable[row[0]] = exc
            else:
                into.schedules.append(schedule)


#: 1970's token. Those up to the year 9999 fit into 63 bits, and those from 2026 on are above any that earlier versions
#: have given: 4096 times the microseconds since 1970, which comes up to this in 2032
_TOKENS = 7 << 60
_PER_MICROSECOND = 4
_ROOM = 64

#: what a schedule keeps when it is replaced, and what else it keeps if the definition of its trigger is the same
_LAST: tuple[str, ...] = ("last_fire_time", "last_offset")
_NEXT = ("trigger", "cursor", "next_fire_time", "next_offset")
_CLAIM = ("token", "acquired_by", "acquired_until")


def _distinct(schedules: Sequence[Encoded], policy: ConflictPolicy) -> list[Encoded]:
    """Settle what happens where an id is given twice, as if the schedules were added one after the other."""
    distinct: dict[str, Encoded] = {}
    for encoded in schedules:
        id_ = encoded.schedule.id
        if id_ in distinct:
            if policy is ConflictPolicy.exception:
                raise ConflictingIdError(id_)
            if policy is ConflictPolicy.do_nothing:
                continue
        distinct[id_] = encoded
    return list(distinct.values())
