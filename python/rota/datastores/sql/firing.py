"""The transactions that claim due schedules, and advance them together with the jobs that they give."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import define, evolve, field
from sqlalchemy import BigInteger, bindparam, delete, or_, select, update

from rota.datastores.sql.base import Claim, in_batches
from rota.datastores.sql.instants import duration, instant, micros, offset_of
from rota.datastores.sql.rows.objects import as_text, cursor_text
from rota.datastores.sql.schedules import Read
from rota.model._failure import in_short

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from sqlalchemy import Connection

    from rota.datastores.sql._dialect import AnyRow, Values
    from rota.datastores.sql.base import Base, Wanted
    from rota.datastores.sql.jobs import Jobs
    from rota.datastores.sql.schedules import Schedules
    from rota.model import Job, ScheduleResult

__all__ = ["Firing", "Released"]


@define
class Released:
    """What became of the results of claimed schedules.

    :param at: the time by the store's clock
    """

    at: int = 0
    accepted: list[ScheduleResult] = field(factory=list)
    refused: set[str] = field(factory=set)
    jobs: list[Job] = field(factory=list)


#: the columns that change when a schedule has fired
_ADVANCE = (
    "id",
    "cursor",
    "next_fire_time",
    "next_offset",
    "last_fire_time",
    "last_offset",
    "error",
    "due",
    "token",
)
_CLAIM = ("acquired_by", "acquired_until")

FIRST_LOOK = 20  #: schedules that are looked at first in order to find one that nobody holds


class Firing:
    """Claims due schedules, and takes what schedulers decided about them."""

    def __init__(self, base: Base, schedules: Schedules, jobs: Jobs) -> None:
        self._base = base
        self._schedules = schedules
        self._jobs = jobs
        table, now = base.tables.schedules, base.dialect.now
        c = table.c
        among = base.dialect.among(c.id, "p_ids")
        free = or_(c.acquired_until.is_(None), c.acquired_until <= now)
        self._due = (
            select(table, now.label("now"))
            .where(c.due <= now + bindparam("p_ahead", type_=BigInteger()), free)
            .order_by(c.due)
            .limit(bindparam("p_limit"))
            .with_for_update(skip_locked=True)
        )
        self._claim = (
            update(table)
            .where(among)
            .values(
                acquired_by=bindparam("p_owner"),
                acquired_until=bindparam("p_until"),
                token=c.token + 1,
            )
        )
        self._claimed = (
            select(
                c.id,
                c.token,
                c.acquired_by,
                c.cursor,
                c.next_fire_time,
                c.next_offset,
                c.last_fire_time,
                c.last_offset,
                now.label("now"),
            )
            .where(among)
            .order_by(c.id)
            .with_for_update()
        )
        self._finish = delete(table).where(among)
        self._earliest = (
            select(c.due, c.acquired_until)
            .where(c.due.is_not(None))
            .order_by(c.due)
            .limit(bindparam("p_limit"))
        )

    def claim(self, connection: Connection, wanted: Wanted) -> Read:
        """Claim schedules that are due, longest overdue first; set aside those that cannot be read."""
        base = self._base
        claimed = base.dialect.claim_due(connection, base.tables, wanted)
        if claimed is not None:
            return self._read(connection, sorted(claimed, key=attrgetter("due")), None)
        binds = {"p_limit": wanted.limit, "p_ahead": wanted.ahead, **base.moment()}
        rows = connection.execute(self._due, binds).all()
        until = rows[0].now + wanted.lease if rows else 0
        read = self._read(connection, rows, Claim(wanted.owner, instant(until)))
        owner = {"p_owner": wanted.owner, "p_until": until}
        for batch in in_batches([schedule.id for schedule in read.schedules]):
            connection.execute(self._claim, {"p_ids": batch, **owner})
        return read

    def _read(self, connection: Connection, rows: Sequence[AnyRow], claim: Claim | None) -> Read:
        """Return schedules, claimed if there is a claim; set aside those that cannot be read."""
        if not rows:
            return Read(self._base.now(connection))
        read = Read(rows[0].now)
        self._schedules.read(rows, read, claim)
        self._schedules.set_aside(connection, read.unreadable)
        return read

    def release(
        self, connection: Connection, scheduler_id: str, results: Sequence[ScheduleResult]
    ) -> Released:
        """Create jobs and advance schedules, as far as the claims on them are current."""
        released = Released()
        for batch in in_batches(results):
            left = self._advance_at_once(connection, scheduler_id, batch, released)
            if left:
                self._release_batch(connection, scheduler_id, left, released)
        return released

    def _advance_at_once(
        self,
        connection: Connection,
        scheduler_id: str,
        results: Sequence[ScheduleResult],
        released: Released,
    ) -> Sequence[ScheduleResult]:
        """Deal with what needs no look at what is stored, if the database can do that at once; return the others."""
        base = self._base
        plain: dict[str, ScheduleResult] = {}
        left = []
        for result in results:
            if _is_plain(result) and result.schedule_id not in plain:
                plain[result.schedule_id] = result
            else:
                left.append(result)
        if not plain:
            return results
        rows = (_advance(plain[id_], cursor_text(plain[id_].trigger)) for id_ in sorted(plain))
        advanced = base.dialect.advance_schedules(
            connection, base.tables, _ADVANCE, scheduler_id, rows
        )
        if advanced is None:
            return results
        changed = {row.id for row in advanced}
        accepted = [result for id_, result in plain.items() if id_ in changed]
        released.accepted += accepted
        released.refused |= plain.keys() - changed
        if advanced:
            released.at = advanced[0].now
        if jobs := [job for result in accepted for job in result.jobs]:
            released.jobs += self._jobs.add_new(connection, jobs)
        return left

    def _release_batch(
        self,
        connection: Connection,
        scheduler_id: str,
        results: Sequence[ScheduleResult],
        released: Released,
    ) -> None:
        ids = sorted({result.schedule_id for result in results})
        rows = connection.execute(self._claimed, {"p_ids": ids, **self._base.moment()})
        stored = {row.id: row for row in rows}
        jobs: list[Job] = []
        finished: list[str] = []
        advances: list[Values] = []
        whole: list[Values] = []
        for result in results:
            row = stored.get(result.schedule_id)
            if row is None or (row.token, row.acquired_by) != (result.token, scheduler_id):
                released.refused.add(result.schedule_id)
                continue
            del stored[result.schedule_id]  # a second result for it is refused
            result, data = self._written(result, row)
            released.at = row.now
            released.accepted.append(result)
            jobs += result.jobs
            if result.next_fire_time is None and result.error is None:
                finished.append(result.schedule_id)
            elif data is not None:
                whole.append((*_advance(result, None, row), data))
            else:
                advances.append(_advance(result, _cursor(result, row), row))
        if jobs:
            released.jobs += self._jobs.add_new(connection, jobs)
        self._advance(connection, _ADVANCE, advances)
        self._advance(connection, (*_ADVANCE, "trigger"), whole)
        if finished:
            connection.execute(self._finish, {"p_ids": finished})

    def _written(self, result: ScheduleResult, row: AnyRow) -> tuple[ScheduleResult, bytes | None]:
        """Return a result with its trigger as bytes, if that is stateful. If it cannot be stored, that is an error."""
        if not result.trigger.stateful:
            return result, None
        try:
            definition = self._base.objects.definition(result.schedule_id, result.trigger)
        except Exception as exc:  # noqa: BLE001 - a user's class may raise anything
            error = f"its trigger cannot be stored: {in_short(exc)}"
            fire_time = instant(row.next_fire_time, row.next_offset)
            asleep = evolve(
                result, error=error, jobs=(), last_fire_time=None, next_fire_time=fire_time
            )
            return asleep, None
        return result, definition.data

    def _advance(
        self, connection: Connection, columns: Sequence[str], rows: Sequence[Values]
    ) -> None:
        if rows:
            self._base.dialect.update_many(
                connection, self._base.tables.schedules, columns, rows, clear=_CLAIM
            )

    def time_to_next(self, connection: Connection) -> timedelta | None:
        """Return how long until a schedule can be claimed; `None` if there is none."""
        now = self._base.now(connection)
        limit = FIRST_LOOK
        while True:
            rows = connection.execute(self._earliest, {"p_limit": limit}).all()
            times = [max(due, until or 0) for due, until in rows]
            # Beyond the first one that nobody holds there is nothing earlier.
            if len(rows) < limit or any(until is None for _, until in rows):
                break
            limit *= 50
        return duration(min(times) - now) if times else None


def _cursor(result: ScheduleResult, row: AnyRow) -> str | None:
    """Return the position that is to be stored of a trigger whose state is in no bytes."""
    return row.cursor if result.trigger.stateful else cursor_text(result.trigger)


def _is_plain(result: ScheduleResult) -> bool:
    """Tell whether a schedule has fired and goes on, and its trigger is stored already."""
    return (
        result.error is None
        and result.next_fire_time is not None
        and result.last_fire_time is not None
        and not result.trigger.stateful
    )


def _advance(result: ScheduleResult, cursor: str | None, row: AnyRow | None = None) -> Values:
    """Return the values of `_ADVANCE`. The last fire time is that of the row if the result has none."""
    next_fire_time = micros(result.next_fire_time)
    last, last_offset = micros(result.last_fire_time), offset_of(result.last_fire_time)
    if last is None and row is not None:
        last, last_offset = row.last_fire_time, row.last_offset
    return (
        result.schedule_id,
        cursor,
        next_fire_time,
        offset_of(result.next_fire_time),
        last,
        last_offset,
        as_text(result.error),
        next_fire_time if result.error is None else None,
        result.token + 1,
    )
