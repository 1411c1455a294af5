"""The transactions that add and return jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field
from sqlalchemy import select, union_all
from sqlalchemy.exc import IntegrityError

from rota.datastores.sql.base import BATCH, in_batches
from rota.datastores.sql.rows.jobs import job_from_row, job_row, nominal_micros
from rota.datastores.sql.rows.objects import as_uuid
from rota.datastores.sql.tables import JobState
from rota.model import ConflictingIdError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from rota.datastores.sql._dialect import AnyRow
    from rota.datastores.sql.base import Base, Claim
    from rota.datastores.sql.tasks import Tasks
    from rota.datastores.sql.turns import Turns
    from rota.model import Job

__all__ = ["Jobs", "ReadJobs"]


@define
class ReadJobs:
    """What could be read of some rows, and what could not, with the reason; and the time by the store's clock."""

    at: int = 0
    jobs: list[Job] = field(factory=list)
    unreadable: list[tuple[AnyRow, Exception]] = field(factory=list)


class Jobs:
    """Adds and returns jobs."""

    def __init__(self, base: Base, tasks: Tasks, turns: Turns) -> None:
        self._base = base
        self._tasks = tasks
        self._turns = turns
        jobs, results = base.tables.jobs, base.tables.results
        self._all = select(jobs).order_by(jobs.c.created_at, jobs.c.id)
        self._some = self._all.where(base.dialect.among(jobs.c.id, "p_ids"))
        self._unfinished = select(
            jobs.c.schedule_id, jobs.c.id, jobs.c.state == JobState.running.sql
        ).where(
            jobs.c.schedule_id.is_not(None),  # SQLite does not see by itself that the index applies
            base.dialect.among(jobs.c.schedule_id, "p_ids"),
        )
        self._fired = union_all(
            *(
                select(table.c.schedule_id, table.c.nominal).where(
                    table.c.schedule_id.is_not(
                        None
                    ),  # SQLite does not see by itself that the index applies
                    base.dialect.pairs_among(table.c.schedule_id, table.c.nominal, "p_pairs"),
                )
                for table in (jobs, results)
            )
        )

    def add(self, connection: Connection, jobs: Sequence[Job]) -> int:
        """Add jobs, all or none; return when that was by the store's clock.

        :raises TaskLookupError: if a task does not exist
        :raises SerializationError: if an argument cannot be stored
        :raises ConflictingIdError: if a job by the id of one exists already
        """
        try:
            return self._insert(connection, jobs)
        except IntegrityError as exc:
            kind = (
                "job" if len(jobs) == 1 else f"job, of {len(jobs)} of which this is the first one,"
            )
            raise ConflictingIdError(str(jobs[0].id), kind) from exc

    def add_new(self, connection: Connection, jobs: Sequence[Job]) -> list[Job]:
        """Add those jobs whose schedule has not given one for their fire time; return them."""
        new: list[Job] = []
        for batch in in_batches(jobs):
            new += self._new(connection, batch)
        if new:
            self._insert(connection, new)
        return new

    def _new(self, connection: Connection, jobs: Sequence[Job]) -> list[Job]:
        keys = [(job.schedule_id, nominal_micros(job)) for job in jobs]
        pairs = sorted({pair for pair in keys if None not in pair})
        if not pairs:
            return list(jobs)
        binds = self._base.dialect.pairs("p_pairs", pairs)
        taken = {tuple(row) for row in connection.execute(self._fired, binds)}
        new = []
        for job, key in zip(jobs, keys, strict=True):
            if key not in taken:
                new.append(job)
                if None not in key:
                    taken.add(key)
        return new

    def _insert(self, connection: Connection, jobs: Sequence[Job]) -> int:
        base = self._base
        now, limited = self._tasks.share(connection, {job.task_id for job in jobs})
        blocked = self._turns.blocked(connection, jobs)
        for batch in in_batches(jobs):
            rows = [
                job_row(base.objects, job, limited[job.task_id], now, blocked=job.id in blocked)
                for job in batch
            ]
            base.dialect.insert_many(connection, base.tables.jobs, rows)
        return now

    def get(self, connection: Connection, ids: Collection[UUID] | None) -> ReadJobs:
        """Return the jobs with these ids that exist (`None`: all), ordered by creation time and id."""
        read = ReadJobs()
        if ids is None:
            self.read(connection.execute(self._all).all(), read)
        else:
            for batch in in_batches(list(set(ids))):
                self.read(connection.execute(self._some, {"p_ids": batch}).all(), read)
            if len(ids) > BATCH:
                read.jobs.sort(key=lambda job: (job.created_at, job.id))
        if read.unreadable:
            read.at = self._base.now(connection)
        return read

    def unfinished(
        self, connection: Connection, schedule_ids: Collection[str]
    ) -> dict[str, dict[UUID, bool]]:
        """Return, by schedule, its jobs that have not ended, each with whether a worker holds it."""
        found: dict[str, dict[UUID, bool]] = {}
        for batch in in_batches(sorted(set(schedule_ids))):
            rows = connection.execute(self._unfinished, {"p_ids": batch})
            for schedule_id, job_id, is_running in rows:
                found.setdefault(schedule_id, {})[as_uuid(job_id)] = bool(is_running)
        return found

    def read(self, rows: Iterable[AnyRow], into: ReadJobs, claim: Claim | None = None) -> None:
        """Add what can be read of some rows, and what cannot."""
        for row in rows:
            try:
                job = job_from_row(self._base.objects, row, claim)
            except Exception as exc:  # noqa: BLE001 - reading arguments may raise anything
                into.unreadable.append((row, exc))
            else:
                into.jobs.append(job)
