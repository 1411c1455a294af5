"""The data store that keeps everything in the memory of this process."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

from anyio import lowlevel

from rota.abc import Acquired, Backlog, DataStore, LostLeases
from rota.abc._datastore import COUNTED
from rota.datastores._memory.announcements import Announcer
from rota.datastores._memory.jobs import JobTable
from rota.datastores._memory.schedules import ScheduleTable
from rota.datastores._memory.tasks import TaskTable
from rota.model import TaskAdded, TaskRemoved, TaskUpdated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AsyncExitStack
    from datetime import datetime
    from logging import Logger
    from uuid import UUID

    from rota.abc import Clock, EventBroker, JobFilter
    from rota.model import (
        ConflictPolicy,
        Job,
        JobRelease,
        JobResult,
        Schedule,
        ScheduleResult,
        Task,
    )

__all__ = ["MemoryDataStore"]

_NOW = timedelta(0)
_RESULTS_PER_TURN = 1_000


class MemoryDataStore(DataStore):
    """Keeps everything in the memory of this process, for as long as the process lives.

    Nothing is serialized: callables and arguments may be any objects, and jobs get the very objects that were passed.
    Triggers are copied. Its clock is the one that it is started with. It can be used from any thread and any event
    loop, and by several schedulers; each of them starts it with the event broker that its events go to.

    All work is done in plain functions under one lock, and takes logarithmic time for each item.
    """

    persistent = False

    def __init__(self) -> None:
        self._lock = Lock()
        self._now: Callable[[], datetime] = _not_started
        self._announcer = Announcer()
        next_token = count(1).__next__
        self._tasks = TaskTable()
        self._schedules = ScheduleTable(self._tasks, next_token)
        self._jobs = JobTable(self._tasks, next_token)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    async def start(
        self,
        exit_stack: AsyncExitStack,
        event_broker: EventBroker,
        logger: Logger,
        clock: Clock,
    ) -> None:
        """Begin to publish events through `event_broker`, until `exit_stack` ends.

        It may be started several times; then the clock of the first start is the store's.
        """
        with self._lock:
            if not self._announcer.has_brokers():
                self._now = clock.now
            self._announcer.join(event_broker)
        exit_stack.callback(self._stop, event_broker)

    def _stop(self, event_broker: EventBroker) -> None:
        with self._lock:
            self._announcer.leave(event_broker)

    async def now(self) -> datetime:
        """Return the time by the clock that the store was started with (UTC)."""
        return self._now()

    def lease_handle(self) -> DataStore:
        """Return the store itself: it can be used from any thread."""
        return self

    # tasks

    async def add_task(self, task: Task) -> None:
        """Add `task`, or update the existing one with its id."""
        with self._lock:
            now = self._now()
            queue, is_new = self._tasks.put(task)
            self._jobs.limit_changed(queue)
        kind = TaskAdded if is_new else TaskUpdated
        if self._announcer.wants(kind):
            await self._announcer.publish([kind(timestamp=now, task_id=task.id)])

    async def remove_task(self, task_id: str) -> None:
        """Remove a task that has no schedules and no jobs.

        :raises TaskLookupError: if there is no such task
        :raises ValueError: if it is still in use
        """
        with self._lock:
            now = self._now()
            self._tasks.remove(task_id)
        if self._announcer.wants(TaskRemoved):
            await self._announcer.publish([TaskRemoved(timestamp=now, task_id=task_id)])

    async def get_task(self, task_id: str) -> Task:
        """Return a task.

        :raises TaskLookupError: if there is no such task
        """
        with self._lock:
            return self._tasks.get(task_id).snapshot()

    async def get_tasks(self) -> list[Task]:
        """Return all tasks, ordered by id."""
        with self._lock:
            return self._tasks.snapshots()

    # schedules

    async def add_schedules(
        self, schedules: Sequence[Schedule], conflict_policy: ConflictPolicy
    ) -> None:
        """Add schedules, all or none.

        Replacing one whose trigger is equal keeps its fire times (next and last).

        :raises ConflictingIdError: under `ConflictPolicy.exception`, if an id is taken
        :raises TaskLookupError: if a task does not exist
        :raises SerializationError: if a trigger of a user's class cannot be copied
        """
        with self._lock:
            now = self._now()
            added, updated = self._schedules.add(schedules, conflict_policy)
        events = self._announcer.added_schedules(added, now)
        if updated:
            events += self._announcer.updated_schedules(updated, now)
        if events:
            await self._announcer.publish(events)

    async def get_schedules(self, ids: Collection[str] | None = None) -> list[Schedule]:
        """Return the schedules with these ids that exist (`None`: all), ordered by id."""
        with self._lock:
            now = self._now()
            schedules, unreadable = self._schedules.get(ids)
        await self._announcer.publish(self._announcer.unreadable_schedules(unreadable, now))
        return schedules

    async def update_schedule(self, schedule: Schedule) -> bool:
        """Overwrite a schedule if its stored token is still `schedule.token`, ending any claim on it.

        Clears its error, raises the token. Returns False, changing nothing, if it changed meanwhile or is gone.

        :raises TaskLookupError: if its task does not exist
        :raises SerializationError: if a trigger of a user's class cannot be copied
        """
        with self._lock:
            now = self._now()
            row = self._schedules.update(schedule)
        if row is None:
            return False
        await self._announcer.publish(self._announcer.updated_schedules([row], now))
        return True

    async def remove_schedules(self, ids: Collection[str]) -> None:
        """Remove the schedules with these ids that exist. Their jobs stay."""
        with self._lock:
            now = self._now()
            rows = self._schedules.remove(ids)
        await self._announcer.publish(self._announcer.removed_schedules(rows, now, finished=False))

    async def acquire_schedules(
        self,
        scheduler_id: str,
        lease_duration: timedelta,
        limit: int,
        ahead: timedelta = _NOW,
    ) -> Acquired[Schedule]:
        """Claim up to `limit` schedules that are due by `ahead` from now. See `DataStore.acquire_schedules`."""
        with self._lock:
            now = self._now()
            until = now + lease_duration
            schedules, unreadable = self._schedules.acquire(
                scheduler_id, until, limit, now, now + ahead
            )
        await self._announcer.publish(self._announcer.unreadable_schedules(unreadable, now))
        return Acquired(schedules, now)

    async def release_schedules(
        self, scheduler_id: str, results: Sequence[ScheduleResult]
    ) -> set[str]:
        """Create the jobs of each result and advance its schedule, ending the claim; each pair all or nothing.

        Returns the ids of the results that were refused because their claim was no longer current.

        :raises TaskLookupError: if the task of a job does not exist; then nothing is changed
        """
        with self._lock:
            now = self._now()
            progress = self._schedules.release(scheduler_id, results)
            added = self._jobs.add(progress.jobs, now)
        await self._announcer.publish(self._announcer.progressed(progress, added, now))
        return progress.refused

    async def time_to_next_schedule(self) -> timedelta | None:
        """Return how long until a schedule can be claimed (leases of others included); `None` if there is none."""
        with self._lock:
            return self._schedules.time_to_next(self._now())

    # jobs

    async def add_jobs(self, jobs: Sequence[Job]) -> None:
        """Add jobs, all or none. Those that are there already, by id or by schedule and fire time, stay as they are.

        :raises TaskLookupError: if a task does not exist
        """
        with self._lock:
            now = self._now()
            for job in jobs:
                self._tasks.get(job.task_id)
            added = self._jobs.add(jobs, now)
        await self._announcer.publish(self._announcer.added_jobs(added, now))

    async def get_jobs(self, ids: Collection[UUID] | None = None) -> list[Job]:
        """Return the unfinished jobs with these ids that exist (`None`: all), ordered by creation time and id."""
        with self._lock:
            return self._jobs.get(ids)

    async def unfinished_jobs(
        self, schedule_ids: Collection[str]
    ) -> Mapping[str, Mapping[UUID, bool]]:
        """Return, by schedule, its jobs that have not ended, each with whether a worker holds it."""
        with self._lock:
            return self._jobs.unfinished(schedule_ids)

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
        with self._lock:
            now = self._now()
            until = now + lease_duration
            jobs = self._jobs.acquire(scheduler_id, until, limit, accept, now)
        await self._announcer.publish(self._announcer.acquired_jobs(jobs, scheduler_id, now))
        return Acquired(jobs, now)

    async def release_jobs(self, scheduler_id: str, releases: Sequence[JobRelease]) -> set[UUID]:
        """Record results and end claims. Returns the ids of those refused because the claim was no longer current."""
        with self._lock:
            now = self._now()
            refused, ended = self._jobs.release(scheduler_id, releases, now)
        await self._announcer.publish(self._announcer.ended_jobs(ended, now))
        return refused

    async def cancel_jobs(self, ids: Collection[UUID]) -> set[UUID]:
        """Cancel jobs, or mark them if they run; return the ids of those that had not finished."""
        with self._lock:
            now = self._now()
            found, ended = self._jobs.cancel(ids, now)
        await self._announcer.publish(self._announcer.ended_jobs(ended, now))
        return found

    async def cancelled_jobs(self, scheduler_id: str) -> set[UUID]:
        """Return which of the jobs that `scheduler_id` holds somebody has asked to cancel."""
        with self._lock:
            return self._jobs.cancelled(scheduler_id)

    async def extend_leases(
        self,
        scheduler_id: str,
        lease_duration: timedelta,
        schedules: Mapping[str, int],
        jobs: Mapping[UUID, int],
    ) -> LostLeases:
        """Extend the caller's leases, given as id to token; return those that are no longer its own."""
        with self._lock:
            until = self._now() + lease_duration
            return LostLeases(
                self._schedules.extend(scheduler_id, until, schedules),
                self._jobs.extend(scheduler_id, until, jobs),
            )

    async def reap_jobs(self) -> None:
        """End what nobody else will end: jobs of lost workers, and waiting jobs whose start deadline has passed."""
        with self._lock:
            now = self._now()
            ended = self._jobs.reap(now)
        await self._announcer.publish(self._announcer.ended_jobs(ended, now))

    async def time_to_next_job(self, accept: JobFilter | None = None) -> timedelta | None:
        """Return how long until a job can be claimed, or a lease ends; `None` if there is nothing to wait for."""
        with self._lock:
            return self._jobs.time_to_next(self._now(), accept)

    async def backlog(self, limit: int = COUNTED) -> Backlog:
        """Count what waits. See `DataStore.backlog`."""
        with self._lock:
            now = self._now()
            schedules = self._schedules.due(now)
            due, delayed, running = self._jobs.count(now)
        return Backlog(
            due_schedules=min(len(schedules), limit),
            overdue=now - min((row.due for row in schedules), default=now),
            due_jobs=min(due, limit),
            delayed_jobs=min(delayed, limit),
            running_jobs=min(running, limit),
        )

    async def get_job_result(self, job_id: UUID) -> JobResult | None:
        """Return the kept result of a job, or `None`."""
        with self._lock:
            return self._jobs.results.get(job_id, self._now())

    async def cleanup(self) -> None:
        """Remove results whose time is up, some at a time."""
        more = True
        while more:
            with self._lock:
                more = self._jobs.results.drop_expired(self._now(), _RESULTS_PER_TURN)
            await lowlevel.checkpoint()


def _not_started() -> datetime:
    raise RuntimeError("the data store has not been started")
