"""Counting what waits, for those who watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, literal_column, select

from rota.abc import Backlog
from rota.datastores.sql.instants import duration
from rota.datastores.sql.tables import JobState

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, ScalarSelect

    from rota.datastores.sql.base import Base

__all__ = ["Counting"]


class Counting:
    """Counts in one statement, by index, no further than to a limit."""

    def __init__(self, base: Base) -> None:
        self._base = base
        now = base.dialect.now
        jobs, schedules = base.tables.jobs.c, base.tables.schedules.c
        delayed = jobs.state == JobState.delayed.sql
        is_ripe = (delayed, jobs.until.is_not(None), jobs.until <= now)
        self._count = select(
            now.label("now"),
            select(func.min(schedules.due))
            .where(schedules.due.is_not(None))
            .scalar_subquery()
            .label("first_due"),
            _count(schedules.due.is_not(None), schedules.due <= now).label("schedules"),
            _count(jobs.state == JobState.open.sql).label("open"),
            _count(jobs.state == JobState.limited.sql).label("limited"),
            _count(jobs.state == JobState.blocked.sql).label("blocked"),
            _count(*is_ripe).label("ripe"),
            _count(delayed, jobs.until.is_not(None), jobs.until > now).label("delayed"),
            _count(jobs.state == JobState.running.sql).label("running"),
        )

    def backlog(self, connection: Connection, limit: int) -> Backlog:
        """Count what waits."""
        binds = {"p_limit": limit, **self._base.moment()}
        row = connection.execute(self._count, binds).one()
        overdue = max(row.now - row.first_due, 0) if row.schedules else 0
        return Backlog(
            due_schedules=row.schedules,
            overdue=duration(overdue),
            due_jobs=min(row.open + row.limited + row.blocked + row.ripe, limit),
            delayed_jobs=row.delayed,
            running_jobs=row.running,
        )


def _count(*conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Count rows up to `p_limit`."""
    rows = select(literal_column("1")).where(*conditions).limit(bindparam("p_limit")).subquery()
    return select(func.count()).select_from(rows).scalar_subquery()
