"""The transactions that claim jobs, and keep claims alive."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, case, exists, func, select, true, update

from rota.datastores.sql._dialect import Share
from rota.datastores.sql.base import Claim, in_batches
from rota.datastores.sql.instants import duration, instant, micros_of
from rota.datastores.sql.jobs import ReadJobs
from rota.datastores.sql.tables import JobState
from rota.model._validation import MAX_LIMIT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import timedelta

    from sqlalchemy import Connection, ScalarSelect

    from rota.abc import JobFilter
    from rota.datastores.sql._dialect import AnyRow
    from rota.datastores.sql.base import Base
    from rota.datastores.sql.endings import Ending, Endings
    from rota.datastores.sql.jobs import Jobs
    from rota.datastores.sql.tasks import Tasks
    from rota.model import Job

__all__ = ["ClaimedJobs", "Claims"]

PROMOTED_AT_ONCE = 10_000


class ClaimedJobs(NamedTuple):
    """Jobs that were claimed, those that were ended because they cannot be read, and the time by the store's clock."""

    jobs: list[Job]
    unreadable: list[Ending]
    at: int


class _Head(NamedTuple):
    """A limited task with jobs that are ready.

    :param rank: that of the first of these jobs
    :param free: how many of them may start, at most
    """

    task_id: str
    rank: bytes
    free: int


class _Situation(NamedTuple):
    """What a claim has to know first.

    :param now: the time by the store's clock
    :param delayed: when the next delayed job may start
    :param heads: the limited tasks with jobs that are ready
    """

    now: int
    delayed: int | None
    heads: list[_Head]


class Claims:
    """Claims jobs.

    Jobs of tasks without a limit are taken straight from an index. For those of limited tasks the tasks are found
    first: by index, at the cost of one look for each task that has ready jobs, however many these are. Then the rows
    in `task_slots` of tasks with free slots are locked (those that somebody else has locked are passed over), what
    runs is counted anew, and of each task no more are taken than may start.
    """

    def __init__(self, base: Base, tasks: Tasks, jobs: Jobs, endings: Endings) -> None:
        self._base = base
        self._tasks = tasks
        self._jobs = jobs
        self._endings = endings
        self._rank = itemgetter(base.tables.jobs.columns.keys().index("rank"))
        dialect, tables = base.dialect, base.tables
        table, c = tables.jobs, tables.jobs.c
        task, slots = tables.tasks, tables.slots
        free = dialect.free_slots(tables)

        def first_until(state: JobState) -> ScalarSelect[Any]:
            return select(func.min(c.until)).where(c.state == state.sql).scalar_subquery()

        clock = select(
            dialect.now.label("now"),
            first_until(JobState.delayed).label("delayed"),
        ).subquery("clock")
        self._lease_end = select(first_until(JobState.running))
        heads = dialect.ready_heads(tables).subquery("heads")
        is_wide = task.c.max_running_jobs > bindparam("p_wide")
        guess = case((is_wide, task.c.max_running_jobs), else_=free)
        self._situation = select(clock, heads.c.task_id, heads.c.rank, guess).select_from(
            clock.outerjoin(heads, true()).outerjoin(task, task.c.id == heads.c.task_id)
        )
        self._free = select(task.c.id, free).where(dialect.among(task.c.id, "p_ids"))
        self._lock_slots = (
            select(slots.c.task_id)
            .where(dialect.among(slots.c.task_id, "p_ids"))
            .with_for_update(skip_locked=True)
        )
        self._open = (
            select(table)
            .where(c.state == JobState.open.sql)
            .order_by(c.rank)
            .limit(bindparam("p_limit"))
            .with_for_update(skip_locked=True)
        )
        self._claim = (
            update(table)
            .where(dialect.among(c.id, "p_ids"))
            .values(
                state=JobState.running.sql,
                until=bindparam("p_until"),
                acquired_by=bindparam("p_owner"),
                token=c.token + 1,
            )
        )
        self._due = (
            select(c.id, c.task_id)
            .where(c.state == JobState.delayed.sql, c.until <= bindparam("p_at"))
            .order_by(c.until)
            .limit(PROMOTED_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        self._promote = (
            update(table)
            .where(dialect.among(c.id, "p_ids"))
            .values(state=bindparam("p_state"), until=None)
        )
        self._tags = select(task.c.id, task.c.tags)
        self._any_open = select(exists().where(c.state == JobState.open.sql))
        self._any_open_of = select(
            exists().where(c.state == JobState.open.sql, dialect.among(c.task_id, "p_tasks"))
        )
        busy = (
            select(c.task_id, func.count().label("running"))
            .where(c.state == JobState.running.sql)
            .group_by(c.task_id)
            .subquery("busy")
        )
        self._full = (
            select(busy.c.task_id)
            .join(task, task.c.id == busy.c.task_id)
            .where(task.c.max_running_jobs <= busy.c.running)
        )
        self._next_delayed = (
            select(c.until)
            .where(c.state == JobState.delayed.sql, ~dialect.among(c.task_id, "p_full"))
            .order_by(c.until)
            .limit(1)
        )
        self._next_delayed_of = self._next_delayed.where(dialect.among(c.task_id, "p_tasks"))

    def claim(
        self,
        connection: Connection,
        scheduler_id: str,
        lease: timedelta,
        limit: int,
        accept: JobFilter | None,
    ) -> ClaimedJobs:
        """Claim jobs in the order of their rank; end those that cannot be read."""
        accepted = self._accepted(connection, accept)
        if accepted is None:
            base = self._base
            claimed = base.dialect.claim_jobs(
                connection, base.tables, scheduler_id, micros_of(lease), limit
            )
            if claimed is not None:
                return self._read_claimed(connection, *claimed)
        situation = self._look_ahead(connection, limit)
        if situation.delayed is not None and situation.delayed <= situation.now:
            self._promote_due(connection, situation.now)
            situation = self._look_ahead(connection, limit)
        if accepted is None:
            rows = self._claim_ready(connection, situation, scheduler_id, lease, limit)
            if rows is not None:
                return self._read_claimed(connection, situation.now, rows)
        ready = [
            *self._open_jobs(connection, limit, accepted),
            *self._limited_jobs(connection, limit, situation.heads, accepted),
        ]
        ready.sort(key=self._in_order)
        at, until = situation.now, situation.now + micros_of(lease)
        read = ReadJobs()
        self._jobs.read(ready[:limit], read, Claim(scheduler_id, instant(until)))
        unreadable = self._endings.end_unreadable(connection, read.unreadable, at)
        owner = {"p_owner": scheduler_id, "p_until": until}
        for batch in in_batches([job.id for job in read.jobs]):
            connection.execute(self._claim, {"p_ids": batch, **owner})
        return ClaimedJobs(read.jobs, unreadable, at)

    def _claim_ready(
        self,
        connection: Connection,
        situation: _Situation,
        scheduler_id: str,
        lease: timedelta,
        limit: int,
    ) -> Sequence[AnyRow] | None:
        base = self._base
        shares = [
            Share(head.task_id, min(head.free, limit), head.rank)
            for head in situation.heads
            if head.free > 0
        ]
        claim = {"acquired_by": scheduler_id, "until": situation.now + micros_of(lease)}
        return base.dialect.claim_ready(connection, base.tables, shares, claim, limit)

    def _read_claimed(self, connection: Connection, at: int, rows: Iterable[AnyRow]) -> ClaimedJobs:
        read = ReadJobs()
        self._jobs.read(sorted(rows, key=self._in_order), read)
        unreadable = self._endings.end_unreadable(connection, read.unreadable, at)
        return ClaimedJobs(read.jobs, unreadable, at)

    def _in_order(self, row: AnyRow) -> bytes:
        rank = self._rank(row)
        return rank if isinstance(rank, bytes) else b""  # of a damaged row

    def _accepted(self, connection: Connection, accept: JobFilter | None) -> Collection[str] | None:
        """Return the ids of the tasks that a filter accepts; `None` for all."""
        if accept is None or not (accept.task_ids or accept.tags):
            return None
        if not accept.tags:
            return accept.task_ids
        tagged = {
            task_id
            for task_id, tags in connection.execute(self._tags)
            if not accept.tags.isdisjoint(_read_tags(tags))
        }
        return tagged & accept.task_ids if accept.task_ids else tagged

    def _look(self, connection: Connection, wide: int = MAX_LIMIT) -> _Situation:
        """Look what there is to claim.

        :param wide: take limits above this for free, without counting what runs
        """
        rows = connection.execute(self._situation, {"p_wide": wide, **self._base.moment()}).all()
        now, delayed = rows[0][:2]
        # Of a task that is gone nothing is free.
        heads = [_Head(id_, rank, free or 0) for _, _, id_, rank, free in rows if id_ is not None]
        return _Situation(now, delayed, heads)

    def _look_ahead(self, connection: Connection, limit: int) -> _Situation:
        """Look before slots are locked, after which what runs is counted anew.

        It need not be counted before for tasks that may run more jobs than are wanted, unless these could hide others.
        """
        if self._base.dialect.writes_alone:
            return self._look(connection)
        situation = self._look(connection, limit)
        return situation if len(situation.heads) <= limit else self._look(connection)

    def _promote_due(self, connection: Connection, now: int) -> None:
        """Let delayed jobs whose time has come wait with the others."""
        rows = connection.execute(self._due, {"p_at": now}).all()
        if not rows:
            return
        limited = self._tasks.limited(connection, {task_id for _, task_id in rows})
        for is_limited, state in ((False, JobState.open), (True, JobState.limited)):
            ids = [job_id for job_id, task_id in rows if limited[task_id] is is_limited]
            for batch in in_batches(ids):
                connection.execute(self._promote, {"p_ids": batch, "p_state": state.value})

    def _open_jobs(
        self, connection: Connection, limit: int, accepted: Collection[str] | None
    ) -> Sequence[AnyRow]:
        if accepted is None:
            return connection.execute(self._open, {"p_limit": limit}).all()
        shares = [Share(task_id, limit, b"") for task_id in sorted(accepted)]
        return self._first(connection, JobState.open, shares, limit)

    def _limited_jobs(
        self,
        connection: Connection,
        limit: int,
        heads: Sequence[_Head],
        accepted: Collection[str] | None,
    ) -> Sequence[AnyRow]:
        hopeful = [
            head
            for head in heads
            if head.free > 0 and (accepted is None or head.task_id in accepted)
        ]
        # Each of these tasks gives a job at least, so later ones cannot be among the first `limit`.
        hopeful = sorted(hopeful, key=lambda head: head.rank)[:limit]
        if not hopeful:
            return []
        ranks = {head.task_id: head.rank for head in hopeful}
        locked = list(connection.execute(self._lock_slots, {"p_ids": sorted(ranks)}).scalars())
        # Only what is read after the lock was had is certain to know of all that runs.
        shares = [
            Share(task_id, min(free, limit), ranks[task_id])
            for task_id, free in connection.execute(self._free, {"p_ids": locked})
            if free > 0
        ]
        return self._first(connection, JobState.limited, shares, limit)

    def _first(
        self,
        connection: Connection,
        state: JobState,
        shares: Sequence[Share],
        limit: int,
    ) -> Sequence[AnyRow]:
        if not shares:
            return []
        base = self._base
        return base.dialect.first_of_tasks(connection, base.tables, state.value, shares, limit)

    def time_to_next(self, connection: Connection, accept: JobFilter | None) -> timedelta | None:
        """Return how long until a job can be claimed, or its lease runs out; `None` if there is nothing to wait for."""
        accepted = self._accepted(connection, accept)
        situation = self._look(connection)
        for head in situation.heads:
            if head.free > 0 and (accepted is None or head.task_id in accepted):
                return duration(0)
        if self._is_any_open(connection, accepted):
            return duration(0)
        times = [connection.execute(self._lease_end).scalar_one()]
        if situation.delayed is not None:
            times.append(self._first_delayed(connection, accepted))
        known = [time for time in times if time is not None]
        return duration(min(known) - situation.now) if known else None

    def _is_any_open(self, connection: Connection, accepted: Collection[str] | None) -> bool:
        if accepted is None:
            return bool(connection.execute(self._any_open).scalar_one())
        return bool(
            connection.execute(self._any_open_of, {"p_tasks": sorted(accepted)}).scalar_one()
        )

    def _first_delayed(
        self, connection: Connection, accepted: Collection[str] | None
    ) -> int | None:
        """Return when the next delayed job of a task with free slots may start."""
        binds = {"p_full": list(connection.execute(self._full).scalars())}
        if accepted is None:
            return connection.execute(self._next_delayed, binds).scalar_one_or_none()
        binds["p_tasks"] = sorted(accepted)
        return connection.execute(self._next_delayed_of, binds).scalar_one_or_none()


def _read_tags(text: str | None) -> Collection[str]:
    try:
        return frozenset(json.loads(text)) if text else frozenset()
    except (TypeError, ValueError):  # of a damaged row
        return frozenset()
