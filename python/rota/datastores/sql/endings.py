"""The transactions that end jobs: with a result, for now, or because nobody else will."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from attrs import define, field
from sqlalchemy import bindparam, delete, select, update

from rota.datastores.sql.base import in_batches
from rota.datastores.sql.instants import instant, micros_of
from rota.datastores.sql.rows.jobs import (
    nominal_micros,
    ready_state,
    result_from_row,
    result_row,
)
from rota.datastores.sql.rows.objects import as_uuid
from rota.datastores.sql.rows.outlines import outline, result_of
from rota.datastores.sql.tables import WAITING, JobState
from rota.datastores.sql.turns import line_of, line_of_row
from rota.model import AbandonedPolicy, DeserializationError, Job, JobOutcome, JobResult
from rota.model._failure import in_short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import timedelta
    from uuid import UUID

    from sqlalchemy import BindParameter, Connection

    from rota.datastores.sql._dialect import AnyRow
    from rota.datastores.sql.base import Base
    from rota.datastores.sql.tasks import Tasks
    from rota.datastores.sql.turns import Turns
    from rota.model import JobRelease

__all__ = ["Ended", "Ending", "Endings"]

MARKS_KEPT_MICROS = 3_600_000_000  #: for longer than a transaction is tried again


class Ending(NamedTuple):
    """A job that has ended, or whose attempt has.

    :param worker: who held it, if somebody did
    """

    job: Job
    result: JobResult
    worker: str | None


@define
class Ended:
    """What became of jobs that were to end, or to be handed back.

    :param at: the time by the store's clock
    :param refused: whose claims were no longer current
    :param endings: that have ended, or whose attempt has
    """

    at: int = 0
    refused: set[UUID] = field(factory=set)
    endings: list[Ending] = field(factory=list)


#: the columns of a job that is to end
_NEEDED = (
    "id",
    "task_id",
    "schedule_id",
    "nominal",
    "scheduled_fire_time",
    "scheduled_offset",
    "executor",
    "start_deadline",
    "result_expiration_time",
    "not_before",
    "attempt",
    "created_at",
    "state",
    "token",
    "acquired_by",
    "cancelled",
    "serial",
)
#: those that change when a job is to run again
_AGAIN = (
    "id",
    "attempt",
    "start_deadline",
    "not_before",
    "state",
    "until",
    "cancelled",
    "token",
)


class Endings:
    """Ends jobs, and keeps results for as long as they are wanted.

    Nothing here reads the arguments of a job, which may be what is wrong with it.
    """

    def __init__(self, base: Base, tasks: Tasks, turns: Turns) -> None:
        self._base = base
        self._tasks = tasks
        self._turns = turns
        table, c = base.tables.jobs, base.tables.jobs.c
        results, dialect = base.tables.results, base.dialect
        among = dialect.among(c.id, "p_ids")
        needed = [c[name] for name in _NEEDED]
        now = dialect.now.label("now")
        self._lock = select(*needed, now).where(among).order_by(c.id).with_for_update()
        self._delete = delete(table).where(among)
        self._cancel = update(table).where(among).values(cancelled=True)
        limit: BindParameter[int] = bindparam("p_limit")
        self._expired = (
            select(*needed, now)
            .where(c.state == JobState.running.sql, c.until <= dialect.now)
            .order_by(c.until)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        self._missed = (
            select(*needed, now)
            .where(c.state.in_([state.sql for state in WAITING]), c.start_deadline < dialect.now)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        self._policies = select(base.tables.tasks.c.id, base.tables.tasks.c.abandoned)
        self._result = select(results).where(
            results.c.job_id == bindparam("p_id"), results.c.expires_at > dialect.now
        )
        self._old_results = (
            select(results.c.job_id)
            .where(results.c.expires_at <= dialect.now)
            .order_by(results.c.expires_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        marks = base.tables.operations
        self._old_marks = (
            select(marks.c.id)
            .where(marks.c.at <= dialect.now - MARKS_KEPT_MICROS)
            .order_by(marks.c.at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        self._delete_marks = delete(marks).where(dialect.among(marks.c.id, "p_ids"))
        self._delete_results = delete(results).where(dialect.among(results.c.job_id, "p_ids"))

    # by those who hold them

    def release(
        self, connection: Connection, scheduler_id: str, releases: Sequence[JobRelease]
    ) -> Ended:
        """Record results and end claims, as far as they are current."""
        ended = Ended()
        left = self._take(connection, scheduler_id, releases, ended)
        rows = self._locked(connection, [release.job.id for release in left])
        finals: list[tuple[AnyRow, JobResult]] = []
        again: list[tuple[AnyRow, int, timedelta | None]] = []
        for release in left:
            job, result = release.job, release.result
            row = rows.get(job.id)
            if row is None or (row.token, row.acquired_by) != (job.token, scheduler_id):
                ended.refused.add(job.id)
                continue
            del rows[job.id]
            ended.at = row.now
            if row.cancelled and result is None:
                result = result_of(row, JobOutcome.cancelled, instant(row.now))
            if result is not None:
                ended.endings.append(Ending(job, result, scheduler_id))
            if result is not None and (release.run_again_after is None or row.cancelled):
                finals.append((row, result))
            else:
                attempt = row.attempt if result is None else row.attempt + 1
                again.append((row, attempt, release.run_again_after))
        self._finish(connection, finals)
        self._requeue(connection, again)
        return ended

    def _take(
        self,
        connection: Connection,
        scheduler_id: str,
        releases: Sequence[JobRelease],
        ended: Ended,
    ) -> Sequence[JobRelease]:
        """End the jobs that have ended for good, if the database can do that at once; return the others."""
        base = self._base
        done: dict[int, tuple[Job, JobResult]] = {}  # by the numbers of ids, which hash natively
        left = []
        for release in releases:
            job, result = release.job, release.result
            number = job.id.int
            if result is None or release.run_again_after is not None or number in done:
                left.append(release)  # of two claims of a job one at most is current
            else:
                done[number] = job, result
        if not done:
            return releases
        claims = [(job.id, job.token) for job, _ in done.values()]
        rows = base.dialect.take_jobs(connection, base.tables, scheduler_id, claims, base.moment())
        if rows is None:
            return releases
        if len(rows) != len(done):
            taken = {row.id.int for row in rows}
            ended.refused.update(job.id for number, (job, _) in done.items() if number not in taken)
            done = {number: end for number, end in done.items() if number in taken}
        if rows:
            ended.at = rows[0].now
        ended.endings += [Ending(job, result, scheduler_id) for job, result in done.values()]
        self._turns.pass_on(connection, (line_of(job) for job, _ in done.values()))
        self._keep(
            connection,
            [
                (result, job.schedule_id, nominal_micros(job))
                for job, result in done.values()
                if _is_kept(result)
            ],
        )
        return left

    def cancel(self, connection: Connection, ids: Collection[UUID]) -> tuple[set[UUID], Ended]:
        """End waiting jobs, mark running ones; return the ids of both, and what has ended."""
        rows = self._locked(connection, ids)
        waiting = [row for row in rows.values() if row.state != JobState.running]
        running = [row.id for row in rows.values() if row.state == JobState.running]
        ended = Ended()
        self._end_all(connection, waiting, JobOutcome.cancelled, ended)
        for batch in in_batches(running):
            connection.execute(self._cancel, {"p_ids": batch})
        return {as_uuid(job_id) for job_id in rows}, ended

    # by anybody

    def reap(self, connection: Connection, limit: int) -> tuple[Ended, bool]:
        """End up to `limit` jobs that nobody else will end; tell whether there may be more."""
        ended = Ended()
        binds = {"p_limit": limit, **self._base.moment()}
        expired = connection.execute(self._expired, binds).all()
        missed = connection.execute(self._missed, binds).all()
        if expired:
            policies = {row.id: row.abandoned for row in connection.execute(self._policies)}
            again = AbandonedPolicy.run_again.name
            cancelled = [row for row in expired if row.cancelled]
            left = [row for row in expired if not row.cancelled]
            self._end_all(connection, cancelled, JobOutcome.cancelled, ended)
            abandoned = [row for row in left if policies.get(row.task_id) != again]
            self._end_all(connection, abandoned, JobOutcome.abandoned, ended)
            others = [row for row in left if policies.get(row.task_id) == again]
            _note(others, JobOutcome.abandoned, ended)
            self._requeue(connection, [(row, row.attempt + 1, None) for row in others])
        self._end_all(connection, missed, JobOutcome.missed_start_deadline, ended)
        return ended, limit in (len(expired), len(missed))

    def end_unreadable(
        self, connection: Connection, unreadable: Iterable[tuple[AnyRow, Exception]], at: int
    ) -> list[Ending]:
        """End jobs whose arguments cannot be read."""
        finals = []
        for row, exception in unreadable:
            error = DeserializationError(in_short(exception))
            result = result_of(row, JobOutcome.deserialization_failed, instant(at), error)
            finals.append((row, result))
        self._finish(connection, finals)
        return [Ending(outline(row, result.finished_at), result, None) for row, result in finals]

    # results

    def get_result(self, connection: Connection, job_id: UUID) -> JobResult | None:
        """Return the kept result of a job, or `None`.

        :raises DeserializationError: if the return value cannot be read
        """
        binds = {"p_id": job_id, **self._base.moment()}
        row = connection.execute(self._result, binds).one_or_none()
        return None if row is None else result_from_row(self._base.objects, row)

    def clean_up(self, connection: Connection, limit: int) -> bool:
        """Remove up to `limit` results whose time is up, and marks of long ago; tell whether there may be more."""
        removals = [(self._old_results, self._delete_results)]
        if self._base.dialect.is_remote:
            removals.append((self._old_marks, self._delete_marks))
        more = False
        for find, remove in removals:
            binds = {"p_limit": limit, **self._base.moment()}
            ids = list(connection.execute(find, binds).scalars())
            if ids:
                connection.execute(remove, {"p_ids": ids})
            more = more or len(ids) == limit
        return more

    # in pieces

    def _locked(self, connection: Connection, ids: Collection[UUID]) -> dict[UUID, AnyRow]:
        rows: dict[UUID, AnyRow] = {}
        for batch in in_batches(list(set(ids))):
            found = connection.execute(self._lock, {"p_ids": batch, **self._base.moment()})
            rows.update((row.id, row) for row in found)
        return rows

    def _end_all(
        self, connection: Connection, rows: Sequence[AnyRow], outcome: JobOutcome, ended: Ended
    ) -> None:
        self._finish(connection, _note(rows, outcome, ended))

    def _finish(self, connection: Connection, finals: Sequence[tuple[AnyRow, JobResult]]) -> None:
        """Remove jobs, and do what follows from it."""
        for batch in in_batches(finals):
            connection.execute(self._delete, {"p_ids": [row.id for row, _ in batch]})
        self._turns.pass_on(connection, (line_of_row(row) for row, _ in finals))
        self._keep(
            connection,
            [(result, row.schedule_id, row.nominal) for row, result in finals if _is_kept(result)],
        )

    def _keep(
        self, connection: Connection, results: Sequence[tuple[JobResult, str | None, int | None]]
    ) -> None:
        """Store results, each with the schedule of its job and the fire time that the trigger gave."""
        objects, dialect = self._base.objects, self._base.dialect
        for batch in in_batches(results):
            rows = [result_row(objects, *result) for result in batch]
            dialect.insert_many(connection, self._base.tables.results, rows)

    def _requeue(
        self,
        connection: Connection,
        again: Sequence[tuple[AnyRow, int, timedelta | None]],
    ) -> None:
        """Let jobs wait for a worker again, with a new number of the attempt and after a pause."""
        if not again:
            return
        limited = self._tasks.limited(connection, {row.task_id for row, _, _ in again})
        values = []
        for row, attempt, pause in again:
            # The deadline was that of the first attempt.
            deadline = row.start_deadline if attempt == row.attempt else None
            state, until, not_before = ready_state(limited[row.task_id]), None, row.not_before
            if pause:
                state = JobState.delayed
                until = not_before = row.now + micros_of(pause)
            delay = (not_before, state.value, until)
            values.append((row.id, attempt, deadline, *delay, False, row.token + 1))
        table, clear = self._base.tables.jobs, ("acquired_by",)
        for batch in in_batches(values):
            self._base.dialect.update_many(connection, table, _AGAIN, batch, clear)


def _note(
    rows: Sequence[AnyRow], outcome: JobOutcome, ended: Ended
) -> Sequence[tuple[AnyRow, JobResult]]:
    """Note an outcome for each of some jobs; return these with their results."""
    results = []
    for row in rows:
        result = result_of(row, outcome, instant(row.now))
        results.append((row, result))
        ended.at = row.now
        ended.endings.append(Ending(outline(row, result.finished_at), result, row.acquired_by))
    return results


def _is_kept(result: JobResult) -> bool:
    return result.expires_at > result.finished_at
