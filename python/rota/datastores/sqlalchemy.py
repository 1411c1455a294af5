"""The data store on SQL databases: SQLite, PostgreSQL, MariaDB and MySQL, through SQLAlchemy."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from logging import getLogger
from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar

import anyio
from attrs import evolve
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from rota._environment import current_clock
from rota.abc import Acquired, DataStore
from rota.abc._datastore import COUNTED
from rota.datastores.sql import schema
from rota.datastores.sql.announcements import Announcements
from rota.datastores.sql.base import Base, Wanted
from rota.datastores.sql.callers import Guest
from rota.datastores.sql.engines import callers_engine, dialect_of, engine_for, second_engine
from rota.datastores.sql.instants import instant, micros_of
from rota.datastores.sql.news import News
from rota.datastores.sql.outages import Outages, RetrySettings
from rota.datastores.sql.parts import Parts
from rota.datastores.sql.rows.objects import Objects
from rota.datastores.sql.schema import SchemaVersionError
from rota.datastores.sql.tables import Tables
from rota.datastores.sql.transactions import Transactions
from rota.serializers.pickle import PickleSerializer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from contextlib import AsyncExitStack
    from datetime import datetime
    from logging import Logger
    from uuid import UUID

    from rota.abc import Backlog, Clock, EventBroker, JobFilter, LostLeases, Serializer
    from rota.datastores.sql._dialect import AnyEngine, Dialect
    from rota.datastores.sql.callers import CallersConnection
    from rota.model import (
        ConflictPolicy,
        Job,
        JobRelease,
        JobResult,
        Schedule,
        ScheduleResult,
        Task,
    )

__all__ = ["RetrySettings", "SQLAlchemyDataStore", "SchemaVersionError"]

CLEANED_AT_ONCE = 1_000
_NOW = timedelta(0)
CLOSING_SECONDS = 5  #: for taking leave of a database that may not be there


class SQLAlchemyDataStore(DataStore):
    """Keeps everything in an SQL database, for one process or for many.

    SQLite (in threads, or through aiosqlite), PostgreSQL (asyncpg or psycopg), MariaDB and MySQL (asyncmy). It needs
    asyncio. The clock of the database decides what is due and who holds a lease; that of SQLite is the host's.

    With SQLite, the processes that share a file must be on one host. On MariaDB and MySQL the tables must be InnoDB.

    :param engine_or_url: where the database is. A URL may leave out the driver. An engine is not closed by the store;
        an engine for SQLite should have set its journal mode and its timeout
    :param schema: the schema of the tables (on MariaDB the database); it is created if there is none by this name
    :param table_prefix: what the names of the tables begin with
    :param serializer: for triggers, arguments and results
    :param retry_settings: for how long operations are tried again while the database is not there
    :param upgrade: whether to upgrade tables of an earlier version at the start, instead of refusing them
    :param start_from_scratch: whether to erase at the start everything that is stored, as tests may want
    """

    SCHEMA_VERSION: ClassVar[int] = schema.VERSION  #: of the tables that this rota works with

    def __init__(
        self,
        engine_or_url: AsyncEngine | URL | str,
        *,
        schema: str | None = None,
        table_prefix: str = "rota_",
        serializer: Serializer | None = None,
        retry_settings: RetrySettings | None = None,
        upgrade: bool = True,
        start_from_scratch: bool = False,
    ) -> None:
        self._owns_engine = not isinstance(engine_or_url, AsyncEngine)
        self._engine: AnyEngine
        if isinstance(engine_or_url, AsyncEngine):
            self._engine = callers_engine(engine_or_url)
        elif isinstance(engine_or_url, str | URL):
            self._engine = engine_for(engine_or_url)
        else:
            raise TypeError(
                "engine_or_url must be a URL or an AsyncEngine (of sqlalchemy.ext.asyncio.create_async_engine),"
                f" got: {engine_or_url!r}"
            )
        self._schema = schema
        self._table_prefix = table_prefix
        self._objects = Objects(PickleSerializer() if serializer is None else serializer)
        self._retry_settings = RetrySettings() if retry_settings is None else retry_settings
        self._upgrade = upgrade
        self._start_from_scratch = start_from_scratch
        self._started: Transactions | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._engine.url!r})"

    async def start(
        self,
        exit_stack: AsyncExitStack,
        event_broker: EventBroker,
        logger: Logger,
        clock: Clock,
    ) -> None:
        """Connect, and make or upgrade the tables. See `DataStore.start`.

        :raises FileNotFoundError: if the directory of an SQLite file does not exist
        :raises SchemaVersionError: if the tables are those of a newer rota
        """
        if self._owns_engine:
            exit_stack.push_async_callback(_close, self._engine)
        transactions = self._started = self._transactions(logger, clock)
        self._base = transactions.base
        if self._start_from_scratch:
            await schema.start_over(transactions)
        else:
            await schema.prepare(transactions, upgrade=self._upgrade)
        self._write, self._read = transactions.write, transactions.read
        self._objects.limit(await self._read(self._base.dialect.largest_value))
        self._parts = Parts.of(self._base)
        self._news = News(event_broker)
        self._announcements = Announcements(self._news, clock)
        exit_stack.callback(self._announcements.close)

    @property
    def problem(self) -> str | None:
        """What keeps the database from being used at present, if anything."""
        return None if self._started is None else self._started.problem

    def _transactions(self, logger: Logger, clock: Clock) -> Transactions:
        _require_asyncio()
        dialect = self._make_dialect()
        dialect.require_place(self._engine.url)
        tables = Tables(dialect, self._table_prefix, self._schema)
        base = Base(dialect=dialect, tables=tables, objects=self._objects, clock=clock)
        outages = Outages(self._retry_settings, logger, clock, dialect.kind_of)
        return Transactions(self._engine, base, outages)

    def _make_dialect(self) -> Dialect:
        return dialect_of(self._engine.url)

    async def schema_version(self) -> int | None:
        """Return the version of the tables in the database, `None` if there are none.

        This is for a store that has not been started. This rota works with the version in `SCHEMA_VERSION`.
        """
        async with self._apart() as transactions:
            return await transactions.read(
                partial(schema.stored_version, tables=transactions.base.tables)
            )

    async def upgrade(self) -> None:
        """Make the tables, or upgrade those of an earlier version; others that do so at once are waited for.

        This is for a store that has not been started.

        :raises SchemaVersionError: if the tables are those of a newer rota
        """
        async with self._apart() as transactions:
            await schema.prepare(transactions, upgrade=True)

    @asynccontextmanager
    async def _apart(self) -> AsyncIterator[Transactions]:
        """Provide transactions before the start, and close the connections in the end."""
        try:
            yield self._transactions(getLogger("rota"), current_clock())
        finally:
            if self._owns_engine:
                await _close(self._engine)

    async def now(self) -> datetime:
        """Return the time by the clock of the database (UTC)."""
        return instant(await self._read(self._base.now))

    def lease_handle(self) -> SQLAlchemyDataStore | None:
        """Return a second, unstarted store on the same tables, with a connection of its own."""
        second = second_engine(self._engine, is_own=self._owns_engine)
        if second is None:
            return None
        handle = type(self)(
            second,
            schema=self._schema,
            table_prefix=self._table_prefix,
            serializer=self._objects.serializer.inner,
            retry_settings=self._retry_settings,
            upgrade=self._upgrade,
        )
        handle._owns_engine = True
        return handle

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
        added = await self._write(partial(self._parts.tasks.add, task=task))
        await self._news.task_added(task.id, added)

    async def remove_task(self, task_id: str) -> None:
        """Remove a task that is not in use. See `DataStore.remove_task`."""
        at = await self._write(partial(self._parts.tasks.remove, task_id=task_id))
        await self._news.task_removed(task_id, at)

    async def get_task(self, task_id: str) -> Task:
        """Return a task. See `DataStore.get_task`."""
        return await self._read(partial(self._parts.tasks.get, task_id=task_id))

    async def get_tasks(self) -> list[Task]:
        """Return all tasks, ordered by id."""
        return await self._read(self._parts.tasks.get_all)

    # schedules

    async def add_schedules(
        self, schedules: Sequence[Schedule], conflict_policy: ConflictPolicy
    ) -> None:
        """Add schedules, all or none. See `DataStore.add_schedules`."""
        if not schedules:
            return
        encoded = self._parts.schedules.encode(schedules)
        work = partial(self._parts.schedules.add, schedules=encoded, policy=conflict_policy)
        added = await self._write(work, patiently=True)
        await self._news.tell(self._news.of_added(added))

    async def get_schedules(self, ids: Collection[str] | None = None) -> list[Schedule]:
        """Return the schedules with these ids that exist (`None`: all), ordered by id."""
        read = await self._read(partial(self._parts.schedules.get, ids=ids), patiently=True)
        await self._news.unreadable(read)
        return read.schedules

    async def update_schedule(self, schedule: Schedule) -> bool:
        """Overwrite a schedule if it has not changed meanwhile. See `DataStore.update_schedule`."""
        (encoded,) = self._parts.schedules.encode([evolve(schedule, error=None)])
        at = await self._write(partial(self._parts.schedules.update, encoded=encoded))
        if at is None:
            return False
        await self._news.schedule_updated(schedule, at)
        return True

    async def remove_schedules(self, ids: Collection[str]) -> None:
        """Remove the schedules with these ids that exist. Their jobs stay."""
        removed = await self._write(
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
        read = await self._write(
            partial(self._parts.firing.claim, wanted=wanted), attrgetter("schedules")
        )
        await self._news.unreadable(read)
        return Acquired(read.schedules, instant(read.at))

    async def release_schedules(
        self, scheduler_id: str, results: Sequence[ScheduleResult]
    ) -> set[str]:
        """Create jobs and advance schedules. See `DataStore.release_schedules`."""
        if not results:
            return set()
        release = self._parts.firing.release
        released = await self._write(partial(release, scheduler_id=scheduler_id, results=results))
        await self._news.released(released)
        return released.refused

    async def time_to_next_schedule(self) -> timedelta | None:
        """Return how long until a schedule can be claimed. See `DataStore.time_to_next_schedule`."""
        return await self._read(self._parts.firing.time_to_next)

    # jobs

    async def add_jobs(self, jobs: Sequence[Job]) -> None:
        """Add jobs, all or none. See `DataStore.add_jobs`."""
        if not jobs:
            return
        added = await self._write(partial(self._parts.jobs.add, jobs=jobs), patiently=True)
        await self._news.tell(self._news.of_jobs(jobs, added))

    async def get_jobs(self, ids: Collection[UUID] | None = None) -> list[Job]:
        """Return the unfinished jobs with these ids that exist (`None`: all). See `DataStore.get_jobs`."""
        read = await self._read(partial(self._parts.jobs.get, ids=ids), patiently=True)
        await self._news.unreadable_jobs(read)
        return read.jobs

    async def unfinished_jobs(
        self, schedule_ids: Collection[str]
    ) -> Mapping[str, Mapping[UUID, bool]]:
        """Return the jobs of schedules that have not ended. See `DataStore.unfinished_jobs`."""
        return await self._read(partial(self._parts.jobs.unfinished, schedule_ids=schedule_ids))

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
        claimed = await self._write(work, attrgetter("jobs"))
        await self._news.claimed(claimed, scheduler_id)
        return Acquired(claimed.jobs, instant(claimed.at))

    async def release_jobs(self, scheduler_id: str, releases: Sequence[JobRelease]) -> set[UUID]:
        """Record results and end claims. See `DataStore.release_jobs`."""
        if not releases:
            return set()
        release = self._parts.endings.release
        ended = await self._write(partial(release, scheduler_id=scheduler_id, releases=releases))
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
        ended, claimed = await self._write(work)
        await self._news.ended(ended.endings, ended.at)
        await self._news.claimed(claimed, scheduler_id)
        return ended.refused, Acquired(claimed.jobs, instant(claimed.at))

    async def cancel_jobs(self, ids: Collection[UUID]) -> set[UUID]:
        """Cancel jobs, from any node. See `DataStore.cancel_jobs`."""
        cancelled, ended = await self._write(partial(self._parts.endings.cancel, ids=set(ids)))
        await self._news.ended(ended.endings, ended.at)
        return cancelled

    async def cancelled_jobs(self, scheduler_id: str) -> set[UUID]:
        """Return which of the jobs that `scheduler_id` holds somebody has asked to cancel."""
        return await self._read(partial(self._parts.leases.cancelled, scheduler_id=scheduler_id))

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
        return await self._write(work, _never)

    async def reap_jobs(self) -> None:
        """End what nobody else will end, in bounded batches. See `DataStore.reap_jobs`."""
        more = True
        while more:
            work = partial(self._parts.endings.reap, limit=CLEANED_AT_ONCE)
            ended, more = await self._write(work, lambda result: result[0].endings)
            await self._news.ended(ended.endings, ended.at)

    async def time_to_next_job(self, accept: JobFilter | None = None) -> timedelta | None:
        """Return how long until a job can be claimed, or its lease runs out. See `DataStore.time_to_next_job`."""
        return await self._read(partial(self._parts.claims.time_to_next, accept=accept))

    async def backlog(self, limit: int = COUNTED) -> Backlog:
        """Count what waits. See `DataStore.backlog`."""
        return await self._read(partial(self._parts.counting.backlog, limit=limit))

    async def get_job_result(self, job_id: UUID) -> JobResult | None:
        """Return the kept result of a job, or `None`."""
        return await self._read(partial(self._parts.endings.get_result, job_id=job_id))

    async def cleanup(self) -> None:
        """Remove results whose time is up, in bounded batches."""
        clean_up = partial(self._parts.endings.clean_up, limit=CLEANED_AT_ONCE)
        while await self._write(clean_up, bool):
            pass


def _never(_result: object) -> bool:
    return False


async def _close(engine: AnyEngine) -> None:
    """Close the connections in order, even if whoever used them has been cancelled."""
    if not isinstance(engine, AsyncEngine):
        return engine.dispose()
    with anyio.move_on_after(CLOSING_SECONDS, shield=True):
        await engine.dispose()


def _require_asyncio() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "SQLAlchemyDataStore must be used with asyncio, because SQLAlchemy and its drivers do not run on trio"
        ) from None
