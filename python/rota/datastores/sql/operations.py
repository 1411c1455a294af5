"""What a store on an SQL database is asked for: each operation is a transaction, of which those who listen are told."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import evolve

from rota.abc import Acquired, DataStore
from rota.abc._datastore import COUNTED
from rota.datastores.sql.base import Wanted
from rota.datastores.sql.callers import Guest
from rota.datastores.sql.instants import instant, micros_of
from rota.model import TaskLookupError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from rota.abc import Backlog, JobFilter, LostLeases
    from rota.datastores.sql.announcements import Announcements
    from rota.datastores.sql.base import Base
    from rota.datastores.sql.callers import CallersConnection
    from rota.datastores.sql.news import News
    from rota.datastores.sql.parts import Parts
    from rota.datastores.sql.transactions import Transactions
    from rota.model import (
        ConflictPolicy,
        Job,
        JobRelease,
        JobResult,
        Schedule,
        ScheduleResult,
        Task,
    )

__all__ = ["Operations"]

CLEANED_AT_ONCE = 1_000
_NOW = timedelta(0)


class Operations(DataStore):
    """The operations of a store that has been started, which sets what is named here."""

    _transactions: Transactions
    _base: Base
    _parts: Parts
    _news: News
    _announcements: Announcements

    async def now(self) -> datetime:
        """Return the time by the clock of the database (UTC)."""
        return instant(await self._transactions.read(self._base.now))

    def within(self, connection: CallersConnection) -> Guest:
        """Return what adds jobs and schedules in the transaction of a caller.

        If that is rolled back, nothing remains. Roll it back if adding raises. Those who listen are told after the
        commit. On SQLite a transaction that has written keeps everybody else from writing, so the tasks must be
        there already.

        :param connection: a connection or a session of SQLAlchemy to the same database, asynchronous or blocking
        """
        return Guest(connection, self._parts, self._news, self._announcements)

    # tasks

    async def add_task(self, task: Task) -> None:
        """Add `task`, or update the existing one with its id."""
        added = await self._transactions.write(partial(self._parts.tasks.add, task=task))
        await self._news.task_added(task.id, added)

    async def remove_task(self, task_id: str) -> None:
        """Remove a task that is not in use. See `DataStore.remove_task`."""
        at = await self._transactions.write(partial(self._parts.tasks.remove, task_id=task_id))
        await self._news.task_removed(task_id, at)

    async def get_task(self, task_id: str) -> Task:
        """Return a task. See `DataStore.get_task`."""
        return await self._transactions.read(partial(self._parts.tasks.get, task_id=task_id))

    async def get_tasks(self) -> list[Task]:
        """Return all tasks, ordered by id."""
        tasks, unreadable = await self._transactions.read(self._parts.tasks.get_all)
        self._news.unreadable_tasks(unreadable)
        return tasks

    # schedules

    async def add_schedules(
        self, schedules: Sequence[Schedule], conflict_policy: ConflictPolicy
    ) -> None:
        """Add schedules, all or none. See `DataStore.add_schedules`."""
        if not schedules:
            return
        encoded = self._parts.schedules.encode(schedules)
        work = partial(self._parts.schedules.add, schedules=encoded, policy=conflict_policy)
        added = await self._transactions.write(work, patiently=True)
        await self._news.tell(self._news.of_added(added))

    async def get_schedules(self, ids: Collection[str] | None = None) -> list[Schedule]:
        """Return the schedules with these ids that exist (`None`: all), ordered by id."""
        read = await self._transactions.read(
            partial(self._parts.schedules.get, ids=ids), patiently=True
        )
        await self._news.unreadable(read)
        return read.schedules

    async def update_schedule(self, schedule: Schedule) -> bool:
        """Overwrite a schedule if it has not changed meanwhile. See `DataStore.update_schedule`."""
        (encoded,) = self._parts.schedules.encode([evolve(schedule, error=None)])
        at = await self._transactions.write(partial(self._parts.schedules.update, encoded=encoded))
        if at is None:
            return False
        await self._news.schedule_updated(schedule, at)
        return True

    async def remove_schedules(self, ids: Collection[str]) -> None:
        """Remove the schedules with these ids that exist. Their jobs stay."""
        removed = await self._transactions.write(
            partial(self._parts.schedules.remove, ids=set(ids)), patiently=True
        )
        await self._news.schedules_removed(removed)

    async def acquire_schedules(
        self,
        scheduler_id: str,
        lease_duration: timedelta,
        limit: int,
        ahead: timedelta = _NOW,
    ) -> Acquired[Schedule]:
        """Claim schedules that are due by `ahead` from now. See `DataStore.acquire_schedules`."""
        wanted = Wanted(scheduler_id, micros_of(lease_duration), limit, micros_of(ahead))
        read = await self._transactions.write(
            partial(self._parts.firing.claim, wanted=wanted), attrgetter("schedules")
        )
        await self._news.unreadable_at_their_time(read)
        return Acquired(read.schedules, instant(read.at))

    async def release_schedules(
        self, scheduler_id: str, results: Sequence[ScheduleResult]
    ) -> set[str]:
        """Create jobs and advance schedules. See `DataStore.release_schedules`."""
        if not results:
            return set()
        release = self._parts.firing.release
        try:
            released = await self._transactions.write(
                partial(release, scheduler_id=scheduler_id, results=results)
            )
        except TaskLookupError as exc:  # somebody has removed the row of the task
            task_id, error = exc.task_id, str(exc)
            if not any(result.jobs for result in results if result.task_id == task_id):
                raise
            results = [
                evolve(result, jobs=(), error=error) if result.task_id == task_id else result
                for result in results
            ]
            return await self.release_schedules(scheduler_id, results)
        await self._news.released(released)
        return released.refused

    async def time_to_next_schedule(self) -> timedelta | None:
        """Return how long until a schedule can be claimed. See `DataStore.time_to_next_schedule`."""
        return await self._transactions.read(self._parts.firing.time_to_next)

    # jobs

    async def add_jobs(self, jobs: Sequence[Job]) -> None:
        """Add jobs, all or none. See `DataStore.add_jobs`."""
        if not jobs:
            return
        added = await self._transactions.write(
            partial(self._parts.jobs.add, jobs=jobs), patiently=True
        )
        await self._news.tell(self._news.of_jobs(jobs, added))

    async def get_jobs(self, ids: Collection[UUID] | None = None) -> list[Job]:
        """Return the unfinished jobs with these ids that exist (`None`: all). See `DataStore.get_jobs`."""
        read = await self._transactions.read(partial(self._parts.jobs.get, ids=ids), patiently=True)
        await self._news.unreadable_jobs(read)
        return read.jobs

    async def unfinished_jobs(
        self, schedule_ids: Collection[str]
    ) -> Mapping[str, Mapping[UUID, bool]]:
        """Return the jobs of schedules that have not ended. See `DataStore.unfinished_jobs`."""
        return await self._transactions.read(
            partial(self._parts.jobs.unfinished, schedule_ids=schedule_ids)
        )

    async def acquire_jobs(
        self,
        scheduler_id: str,
        lease_duration: timedelta,
        limit: int,
        accept: JobFilter | None = None,
    ) -> Acquired[Job]:
        """Claim jobs that may start. See `DataStore.acquire_jobs`."""
        work = partial(
            self._parts.claims.claim,
            scheduler_id=scheduler_id,
            lease=lease_duration,
            limit=limit,
            accept=accept,
        )
        claimed = await self._transactions.write(work, attrgetter("jobs"))
        await self._news.claimed(claimed, scheduler_id)
        return Acquired(claimed.jobs, instant(claimed.at))

    async def release_jobs(self, scheduler_id: str, releases: Sequence[JobRelease]) -> set[UUID]:
        """Record results and end claims. See `DataStore.release_jobs`."""
        if not releases:
            return set()
        release = self._parts.endings.release
        ended = await self._transactions.write(
            partial(release, scheduler_id=scheduler_id, releases=releases)
        )
        await self._news.ended(ended.endings, ended.at)
        return ended.refused

    async def exchange_jobs(
        self,
        scheduler_id: str,
        releases: Sequence[JobRelease],
        lease_duration: timedelta,
        limit: int,
        accept: JobFilter | None = None,
    ) -> tuple[set[UUID], Acquired[Job]]:
        """Record results and claim jobs in one transaction. See `DataStore.exchange_jobs`."""
        work = partial(
            self._parts.exchange,
            scheduler_id=scheduler_id,
            releases=releases,
            lease=lease_duration,
            limit=limit,
            accept=accept,
        )
        ended, claimed = await self._transactions.write(work)
        await self._news.ended(ended.endings, ended.at)
        await self._news.claimed(claimed, scheduler_id)
        return ended.refused, Acquired(claimed.jobs, instant(claimed.at))

    async def cancel_jobs(self, ids: Collection[UUID]) -> set[UUID]:
        """Cancel jobs, from any node. See `DataStore.cancel_jobs`."""
        cancelled, ended = await self._transactions.write(
            partial(self._parts.endings.cancel, ids=set(ids))
        )
        await self._news.ended(ended.endings, ended.at)
        return cancelled

    async def cancelled_jobs(self, scheduler_id: str) -> set[UUID]:
        """Return which of the jobs that `scheduler_id` holds somebody has asked to cancel."""
        return await self._transactions.read(
            partial(self._parts.leases.cancelled, scheduler_id=scheduler_id)
        )

    async def extend_leases(
        self,
        scheduler_id: str,
        lease_duration: timedelta,
        schedules: Mapping[str, int],
        jobs: Mapping[UUID, int],
    ) -> LostLeases:
        """Extend the caller's leases; return those that are no longer its own."""
        work = partial(
            self._parts.leases.extend,
            scheduler_id=scheduler_id,
            lease=lease_duration,
            schedules=schedules,
            jobs=jobs,
        )
        return await self._transactions.write(work, _never)

    async def reap_jobs(self) -> None:
        """End what nobody else will end, in bounded batches. See `DataStore.reap_jobs`."""
        more = True
        while more:
            work = partial(self._parts.endings.reap, limit=CLEANED_AT_ONCE)
            ended, more = await self._transactions.write(work, lambda result: result[0].endings)
            await self._news.ended(ended.endings, ended.at)

    async def time_to_next_job(self, accept: JobFilter | None = None) -> timedelta | None:
        """Return how long until a job can be claimed, or its lease runs out. See `DataStore.time_to_next_job`."""
        return await self._transactions.read(
            partial(self._parts.claims.time_to_next, accept=accept)
        )

    async def backlog(self, limit: int = COUNTED) -> Backlog:
        """Count what waits. See `DataStore.backlog`."""
        return await self._transactions.read(partial(self._parts.counting.backlog, limit=limit))

    async def get_job_result(self, job_id: UUID) -> JobResult | None:
        """Return the kept result of a job, or `None`."""
        return await self._transactions.read(partial(self._parts.endings.get_result, job_id=job_id))

    async def cleanup(self) -> None:
        """Remove results whose time is up, in bounded batches."""
        clean_up = partial(self._parts.endings.clean_up, limit=CLEANED_AT_ONCE)
        while await self._transactions.write(clean_up, bool):
            pass


def _never(_result: object) -> bool:
    return False
