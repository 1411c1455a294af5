"""The interface of data stores, and the promises that the conformance suite in `rota.testing` proves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from attrs import field, frozen

from rota.model._validation import as_tags, as_task_ids

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AsyncExitStack
    from datetime import datetime
    from logging import Logger
    from uuid import UUID

    from rota.abc._clock import Clock
    from rota.abc._eventbroker import EventBroker
    from rota.model import (
        ConflictPolicy,
        Job,
        JobRelease,
        JobResult,
        Schedule,
        ScheduleResult,
        Task,
    )

T = TypeVar("T")

COUNTED = 100_000  #: how far a backlog is counted, unless something else is asked for


@frozen
class Acquired(Generic[T]):
    """What a scheduler has claimed, and when by the data store's clock."""

    items: Sequence[T]
    at: datetime


@frozen(kw_only=True)
class JobFilter:
    """Which jobs a worker accepts; an empty set accepts all. Other collections of words are made sets.

    :param task_ids: jobs of these tasks
    :param tags: jobs of tasks that have one of these tags
    """

    task_ids: frozenset[str] = field(default=frozenset(), converter=as_task_ids)
    tags: frozenset[str] = field(default=frozenset(), converter=as_tags)


@frozen
class LostLeases:
    """The claims that are no longer the caller's."""

    schedule_ids: frozenset[str] = frozenset()
    job_ids: frozenset[UUID] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.schedule_ids or self.job_ids)


@frozen(kw_only=True)
class Backlog:
    """What waits in a data store, by its clock.

    :param due_schedules: schedules that are due and have not been advanced; paused and set-aside ones do not count
    :param overdue: for how long the first of them has been due; zero if there is none
    :param due_jobs: jobs that may start as soon as a worker and a slot of their task are free, and those that wait for
        an earlier job of their schedule
    :param delayed_jobs: jobs that may not start yet
    :param running_jobs: jobs that a worker has claimed
    """

    due_schedules: int
    overdue: timedelta
    due_jobs: int
    delayed_jobs: int
    running_jobs: int


class Additions(Protocol):
    """What adds jobs and schedules: a data store, or its guest in the transaction of a caller."""

    async def add_schedules(
        self, schedules: Sequence[Schedule], conflict_policy: ConflictPolicy
    ) -> None:
        """Add schedules. See `DataStore.add_schedules`."""

    async def add_jobs(self, jobs: Sequence[Job]) -> None:
        """Add jobs. See `DataStore.add_jobs`."""


class DataStore(ABC):
    """Keeps tasks, schedules, jobs and results, for one process or for many.

    Promises: creating the jobs of a schedule and advancing it is one step, and a schedule gives at most one
    job for a nominal fire time. A claim is a lease with a token that grows; a write with a token that is no
    longer current changes nothing and says so. The store's own clock decides what is due and who holds a
    lease. Running jobs are counted from the jobs themselves. A task at its limit hides no other task's jobs.
    An item that cannot be read is set aside with an event; its neighbours are not affected. All methods
    take sets; the number of round trips does not grow with them. Events are published after the change.
    """

    #: whether what is stored outlives the process, so that callables need a reference and arguments must serialize
    persistent: bool = True

    @abstractmethod
    async def start(
        self,
        exit_stack: AsyncExitStack,
        event_broker: EventBroker,
        logger: Logger,
        clock: Clock,
    ) -> None:
        """Connect and prepare; release through `exit_stack`. Events are published through `event_broker`.

        `clock` is for waiting, and is the store's clock only where the store has none of its own.
        """

    @property
    def problem(self) -> str | None:
        """What keeps the store from being used at present, if anything. It contains no secrets."""
        return None

    @abstractmethod
    async def now(self) -> datetime:
        """Return the time by the store's clock (UTC)."""

    def lease_handle(self) -> DataStore | None:
        """Return a second, unstarted handle on the same data for use from another event loop, or `None`.

        Lease renewal uses it in a thread of its own, so that a blocked event loop does not lose leases.
        A store that can be used from any thread returns itself.
        """
        return None

    def within(self, connection: Any) -> Additions:
        """Return what adds jobs and schedules in the transaction of a caller, for stores that can.

        :param connection: the caller's, to the database of this store
        :raises ValueError: if this store cannot
        """
        raise ValueError(
            f"a {type(self).__name__} cannot take part in a transaction, got connection: {connection!r}"
        )

    # tasks

    @abstractmethod
    async def add_task(self, task: Task) -> None:
        """Add `task`, or update the existing one with its id."""

    @abstractmethod
    async def remove_task(self, task_id: str) -> None:
        """Remove a task that has no schedules and no jobs.

        :raises TaskLookupError: if there is no such task
        :raises ValueError: if it is still in use
        """

    @abstractmethod
    async def get_task(self, task_id: str) -> Task:
        """Return a task.

        :raises TaskLookupError: if there is no such task
        """

    @abstractmethod
    async def get_tasks(self) -> list[Task]:
        """Return all tasks, ordered by id."""

    # schedules

    @abstractmethod
    async def add_schedules(
        self, schedules: Sequence[Schedule], conflict_policy: ConflictPolicy
    ) -> None:
        """Add schedules, all or none.

        Replacing one whose trigger is the same rule (`Trigger.same_rule`) keeps its fire times (next and last).
        Replacing one with what it is already changes nothing, so that whoever has claimed it keeps it.

        :raises ConflictingIdError: under `ConflictPolicy.exception`, if an id is taken
        :raises TaskLookupError: if a task does not exist
        :raises SerializationError: if an argument or a trigger cannot be stored
        """

    @abstractmethod
    async def get_schedules(self, ids: Collection[str] | None = None) -> list[Schedule]:
        """Return the schedules with these ids that exist (`None`: all), ordered by id."""

    @abstractmethod
    async def update_schedule(self, schedule: Schedule) -> bool:
        """Overwrite a schedule if its stored token is still `schedule.token`, ending any claim on it.

        Clears its error, raises the token. Returns False, changing nothing, if it changed meanwhile or is gone.
        """

    @abstractmethod
    async def remove_schedules(self, ids: Collection[str]) -> None:
        """Remove the schedules with these ids that exist. Their jobs stay."""

    @abstractmethod
    async def acquire_schedules(
        self,
        scheduler_id: str,
        lease_duration: timedelta,
        limit: int,
        ahead: timedelta = timedelta(0),
    ) -> Acquired[Schedule]:
        """Claim up to `limit` schedules that are due, not paused, set aside or leased; longest overdue first.

        :param ahead: claim those, too, that will be due within this time. Whoever does so prepares what is to be done,
            and releases them when they are due.
        """

    @abstractmethod
    async def release_schedules(
        self, scheduler_id: str, results: Sequence[ScheduleResult]
    ) -> set[str]:
        """Create the jobs of each result and advance its schedule, ending the claim; each pair all or nothing.

        A nominal fire time that has its job already gets no second one. A schedule without next fire time is removed.
        One with an error is set aside. Returns the ids of the results that were refused because their
        claim was no longer current (or the schedule is gone).
        """

    @abstractmethod
    async def time_to_next_schedule(self) -> timedelta | None:
        """Return how long until a schedule can be claimed (leases of others included), by the store's clock.

        Zero or less if one can be now, `None` if nothing is scheduled. Paused and set-aside schedules do not count.
        """

    # jobs

    @abstractmethod
    async def add_jobs(self, jobs: Sequence[Job]) -> None:
        """Add jobs, all or none.

        :raises TaskLookupError: if a task does not exist
        :raises SerializationError: if an argument cannot be stored
        """

    @abstractmethod
    async def get_jobs(self, ids: Collection[UUID] | None = None) -> list[Job]:
        """Return the unfinished jobs with these ids that exist (`None`: all), ordered by creation time and id."""

    async def unfinished_jobs(
        self, schedule_ids: Collection[str]
    ) -> Mapping[str, Mapping[UUID, bool]]:
        """Return, by schedule, its jobs that have not ended, each with whether a worker holds it.

        Schedules without any need not be there. It is asked only about schedules with an `OverlapPolicy`. What is here
        reads all jobs; a store should find those of a schedule sooner.
        """
        found: dict[str, dict[UUID, bool]] = {}
        for job in await self.get_jobs():
            if job.schedule_id is not None and job.schedule_id in schedule_ids:
                found.setdefault(job.schedule_id, {})[job.id] = job.acquired_by is not None
        return found

    @abstractmethod
    async def acquire_jobs(
        self,
        scheduler_id: str,
        lease_duration: timedelta,
        limit: int,
        accept: JobFilter | None = None,
    ) -> Acquired[Job]:
        """Claim up to `limit` jobs that may start, never more of a task than its limit allows.

        Those of higher priority first, then those scheduled earlier, then those created earlier.
        """

    @abstractmethod
    async def release_jobs(self, scheduler_id: str, releases: Sequence[JobRelease]) -> set[UUID]:
        """Record results and end claims. Returns the ids of those refused because the claim was no longer current.

        A result is kept if its `expires_at` lies after its `finished_at`.
        """

    async def exchange_jobs(
        self,
        scheduler_id: str,
        releases: Sequence[JobRelease],
        lease_duration: timedelta,
        limit: int,
        accept: JobFilter | None = None,
    ) -> tuple[set[UUID], Acquired[Job] | None]:
        """Do what `release_jobs` does and then, in the same transaction, what `acquire_jobs` does.

        Returns what both return. A store without transactions claims nothing, and returns `None` for that.
        """
        return await self.release_jobs(scheduler_id, releases), None

    @abstractmethod
    async def cancel_jobs(self, ids: Collection[UUID]) -> set[UUID]:
        """Cancel jobs, from any node; return the ids of those that had not finished.

        A waiting job ends as cancelled at once. A running one is marked; its worker learns of it when it renews
        the lease (`cancelled_jobs`) and cancels it.
        """

    @abstractmethod
    async def cancelled_jobs(self, scheduler_id: str) -> set[UUID]:
        """Return which of the jobs that `scheduler_id` holds somebody has asked to cancel."""

    @abstractmethod
    async def extend_leases(
        self,
        scheduler_id: str,
        lease_duration: timedelta,
        schedules: Mapping[str, int],
        jobs: Mapping[UUID, int],
    ) -> LostLeases:
        """Extend the caller's leases, given as id to token; return those that are no longer its own."""

    @abstractmethod
    async def reap_jobs(self) -> None:
        """End what nobody else will end.

        Jobs whose lease has run out are queued again or recorded as abandoned, as their tasks say; waiting jobs whose
        start deadline has passed are recorded as such; running jobs marked as cancelled whose lease has run out, too.
        """

    @abstractmethod
    async def time_to_next_job(self, accept: JobFilter | None = None) -> timedelta | None:
        """Return how long until a job can be claimed, or its lease runs out, by the store's clock.

        Zero or less if one can be now, `None` if there is nothing to wait for. Jobs of full tasks do not count.
        """

    async def backlog(self, limit: int = COUNTED) -> Backlog:
        """Count what waits, each kind no further than to `limit`, so that asking again and again costs little.

        What is here reads all schedules and jobs; a store should find those that count sooner.
        """
        schedules, jobs, now = await self.get_schedules(), await self.get_jobs(), await self.now()
        due = [
            schedule.next_fire_time
            for schedule in schedules
            if schedule.next_fire_time is not None
            and schedule.next_fire_time <= now
            and not schedule.paused
            and schedule.error is None
        ]
        running = sum(job.acquired_by is not None for job in jobs)
        delayed = sum(
            job.acquired_by is None and job.not_before is not None and job.not_before > now
            for job in jobs
        )
        return Backlog(
            due_schedules=min(len(due), limit),
            overdue=now - min(due, default=now),
            due_jobs=min(len(jobs) - running - delayed, limit),
            delayed_jobs=min(delayed, limit),
            running_jobs=min(running, limit),
        )

    @abstractmethod
    async def get_job_result(self, job_id: UUID) -> JobResult | None:
        """Return the kept result of a job, or `None`."""

    @abstractmethod
    async def cleanup(self) -> None:
        """Remove results whose time is up, in bounded batches."""
