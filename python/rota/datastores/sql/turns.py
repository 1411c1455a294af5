"""Serial jobs: those of a schedule run one after another, however many workers there are.

Of the serial jobs of a schedule at most one, the earliest, is for workers to see. The others are blocked until it has
ended. Whoever adds some holds the lock of the schedule's row, and so does whoever passes the turn on: either the one
who ends a job sees what has just been added, or the one who adds sees that nothing is left to wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, exists, select

from rota.datastores.sql.base import in_batches
from rota.datastores.sql.rows.jobs import waiting_state
from rota.datastores.sql.tables import JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from rota.datastores.sql._dialect import AnyRow
    from rota.datastores.sql.base import Base
    from rota.datastores.sql.tasks import Tasks
    from rota.model import Job

__all__ = ["Turns", "line_of", "line_of_row"]


class Turns:
    """Gives and passes on the turns of serial jobs."""

    def __init__(self, base: Base, tasks: Tasks) -> None:
        self._base = base
        self._tasks = tasks
        dialect, schedules = base.dialect, base.tables.schedules.c
        jobs = base.tables.jobs.c
        others = exists().where(
            jobs.schedule_id == schedules.id,
            jobs.schedule_id.is_not(None),  # SQLite does not see by itself that the index applies
            jobs.nominal.is_not(None),
            jobs.serial,
        )
        among = dialect.among(schedules.id, "p_ids")
        self._busy = select(schedules.id).where(among, others)
        self._lock = select(schedules.id).where(among).order_by(schedules.id).with_for_update()
        self._next = (
            select(jobs.id, jobs.task_id, jobs.not_before, dialect.now.label("now"))
            .where(
                jobs.schedule_id == bindparam("p_id"),
                jobs.schedule_id.is_not(None),
                jobs.nominal.is_not(None),
                jobs.state == JobState.blocked.sql,
            )
            .order_by(jobs.nominal)
            .limit(1)
            .with_for_update()
        )

    def blocked(self, connection: Connection, jobs: Iterable[Job]) -> set[UUID]:
        """Return which of some new jobs, in the order of their fire times, have to wait for others.

        The rows of their schedules have to be locked.
        """
        serial = [(job.id, line) for job in jobs if (line := line_of(job)) is not None]
        if not serial:
            return set()
        busy: set[str] = set()
        for batch in in_batches(sorted({schedule_id for _, schedule_id in serial})):
            busy.update(connection.execute(self._busy, {"p_ids": batch}).scalars())
        blocked = set()
        for job_id, schedule_id in serial:
            if schedule_id in busy:
                blocked.add(job_id)
            busy.add(schedule_id)
        return blocked

    def pass_on(self, connection: Connection, lines: Iterable[str | None]) -> None:
        """Unblock the jobs that come after some that have ended and are gone, given the schedule of each."""
        schedule_ids = {line for line in lines if line is not None}
        for batch in in_batches(sorted(schedule_ids)):
            connection.execute(self._lock, {"p_ids": batch}).all()
            self._unblock(connection, self._following(connection, batch))

    def _following(self, connection: Connection, schedule_ids: Collection[str]) -> list[AnyRow]:
        """Return the earliest blocked job of each schedule that has one. As a rule these are few."""
        binds = self._base.moment()
        found = (
            connection.execute(self._next, {"p_id": id_, **binds}).one_or_none()
            for id_ in schedule_ids
        )
        return [row for row in found if row is not None]

    def _unblock(self, connection: Connection, rows: Sequence[AnyRow]) -> None:
        if not rows:
            return
        limited = self._tasks.limited(connection, {row.task_id for row in rows})
        values = [
            (row.id, *waiting_state(limited[row.task_id], row.not_before, row.now)) for row in rows
        ]
        self._base.dialect.update_many(
            connection, self._base.tables.jobs, ("id", "state", "until"), values
        )


def line_of(job: Job) -> str | None:
    """Return the schedule whose serial jobs a job is one of; `None` if there is nothing that it could wait for."""
    return job.schedule_id if job.serial and job.scheduled_fire_time is not None else None


def line_of_row(row: AnyRow) -> str | None:
    """Return the schedule whose serial jobs have waited for the job of a row; `None` if none can have."""
    is_first = row.serial and row.nominal is not None and row.state != JobState.blocked
    return row.schedule_id if is_first else None
