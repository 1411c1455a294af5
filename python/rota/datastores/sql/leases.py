"""The transactions that keep claims alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update

from rota.abc import LostLeases
from rota.datastores.sql._dialect import by_id_only
from rota.datastores.sql.base import in_batches
from rota.datastores.sql.instants import micros_of
from rota.datastores.sql.rows.objects import as_uuid
from rota.datastores.sql.tables import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from uuid import UUID

    from sqlalchemy import BindParameter, Connection, Select, Update

    from rota.datastores.sql.base import Base

__all__ = ["Leases"]


class Leases:
    """Extends claims on schedules and jobs."""

    def __init__(self, base: Base) -> None:
        self._base = base
        schedules, jobs = base.tables.schedules, base.tables.jobs
        owner: BindParameter[str] = bindparam("p_owner")
        until = base.dialect.now + bindparam("p_lease", type_=base.dialect.micros)
        one_of_schedules = base.dialect.among(schedules.c.id, "p_ids")
        one_of_jobs = base.dialect.among(jobs.c.id, "p_ids")
        self._schedules = (
            select(schedules.c.id, schedules.c.token)
            .where(one_of_schedules, by_id_only(schedules.c.acquired_by == owner))
            .order_by(schedules.c.id)
            .with_for_update()
        )
        self._jobs = (
            select(jobs.c.id, jobs.c.token)
            .where(one_of_jobs, by_id_only(jobs.c.acquired_by == owner))
            .order_by(jobs.c.id)
            .with_for_update()
        )
        self._extend_schedules = (
            update(schedules).where(one_of_schedules).values(acquired_until=until)
        )
        self._extend_jobs = update(jobs).where(one_of_jobs).values(until=until)
        self._cancelled = select(jobs.c.id).where(
            jobs.c.state == JobState.running.sql, jobs.c.acquired_by == owner, jobs.c.cancelled
        )

    def extend(
        self,
        connection: Connection,
        scheduler_id: str,
        lease: timedelta,
        schedules: Mapping[str, int],
        jobs: Mapping[UUID, int],
    ) -> LostLeases:
        """Extend leases, given as id to token; return those that are not the caller's any more."""
        statements = (self._schedules, self._extend_schedules)
        kept_schedules = self._extend(connection, scheduler_id, lease, schedules, *statements)
        kept_jobs = {
            as_uuid(job_id)
            for job_id in self._extend(
                connection, scheduler_id, lease, jobs, self._jobs, self._extend_jobs
            )
        }
        return LostLeases(
            frozenset(schedules.keys() - kept_schedules), frozenset(jobs.keys() - kept_jobs)
        )

    def _extend(
        self,
        connection: Connection,
        scheduler_id: str,
        lease: timedelta,
        tokens: Mapping[Any, int],
        lock: Select[Any],
        extend: Update,
    ) -> set[Any]:
        kept: set[Any] = set()
        for batch in in_batches(sorted(tokens)):
            rows = connection.execute(lock, {"p_ids": batch, "p_owner": scheduler_id})
            ids = [id_ for id_, token in rows if tokens[id_] == token]
            if ids:
                binds = {"p_ids": ids, "p_lease": micros_of(lease), **self._base.moment()}
                connection.execute(extend, binds)
                kept.update(ids)
        return kept

    def cancelled(self, connection: Connection, scheduler_id: str) -> set[UUID]:
        """Return which jobs of an owner somebody has asked to cancel."""
        rows = connection.execute(self._cancelled, {"p_owner": scheduler_id})
        return {as_uuid(job_id) for job_id in rows.scalars()}
