"""What can be asked of a scheduler about schedules."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve

from rota.model import (
    CoalescePolicy,
    ConflictPolicy,
    Job,
    OverlapPolicy,
    Schedule,
    ScheduleLookupError,
    unset,
)
from rota.model._validation import as_conflict_policy, as_utc, possible_ids
from rota.schedulers._base import SchedulerBase
from rota.schedulers._changes import resumed_from, with_trigger
from rota.schedulers._log_fields import schedule_fields
from rota.schedulers._requests import ScheduleRequest, check_names, check_trigger, new_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from rota.abc import Trigger
    from rota.model import Task, UnsetValue

__all__ = ["ScheduleOperations"]


class ScheduleOperations(SchedulerBase):
    """Schedules: tasks that triggers make due."""

    async def add_schedule(
        self,
        func_or_task_id: Task | str | Callable[..., Any],
        trigger: Trigger,
        *,
        id: str | None = None,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        paused: bool = False,
        coalesce: CoalescePolicy | str = CoalescePolicy.latest,
        job_executor: str | UnsetValue = unset,
        misfire_grace_time: timedelta | float | UnsetValue | None = unset,
        metadata: Mapping[str, Any] | UnsetValue = unset,
        max_jitter: timedelta | float | None = None,
        job_result_expiration_time: timedelta | float = 0,
        conflict_policy: ConflictPolicy | str = ConflictPolicy.do_nothing,
        max_instances: int | UnsetValue | None = unset,
        priority: int = 0,
        catch_up_window: timedelta | float | None = None,
        overlap: OverlapPolicy | str = OverlapPolicy.allow,
        connection: Any = None,
    ) -> str:
        """Have a task run whenever a trigger says so. Return the id of the schedule.

        :param func_or_task_id: a callable, or the id of a task
        :param trigger: when it is to run; it is copied
        :param id: the id of the schedule; one is made up if it is not given
        :param args: positional arguments of the callable
        :param kwargs: keyword arguments of the callable
        :param paused: whether it begins paused
        :param coalesce: what becomes of several fire times that have passed unprocessed
        :param job_executor: the name of the executor; by default the task's
        :param misfire_grace_time: how late a job may start, `None` for any lateness; by default the task's
        :param metadata: JSON-compatible values, added to the task's, handed down to the jobs
        :param max_jitter: up to how much later than its fire time a job starts, at random
        :param job_result_expiration_time: how long results are kept; zero for not at all
        :param conflict_policy: what to do if a schedule by that id exists
        :param max_instances: raise the task's `max_running_jobs` to this if it is lower
        :param priority: of jobs that are due, those with the higher number are run first
        :param catch_up_window: with `CoalescePolicy.all`, how far back missed fire times still become jobs
        :param overlap: what to do when it is due while an earlier job of it has not ended
        :param connection: a connection or a session of SQLAlchemy to the database of the data store, in whose
            transaction the schedule is added: if that is rolled back, there is none
        :raises ConflictingIdError: if the id is taken, under `ConflictPolicy.exception`
        :raises TaskLookupError: if there is no task by that id
        :raises CallableLookupError: if a persistent data store could not find the callable again
        :raises JobExecutorLookupError: if nobody can have an executor by that name
        """
        policy = as_conflict_policy(conflict_policy)
        additions = self._additions(connection)
        task = self._tasks.known(func_or_task_id) if max_instances is unset else None
        if task is None:
            task = await self._tasks.ensure(func_or_task_id, max_instances=max_instances)
        schedule = new_schedule(
            task,
            self.new_id,
            trigger,
            id,
            args,
            kwargs,
            paused,
            coalesce,
            job_executor,
            misfire_grace_time,
            metadata,
            max_jitter,
            job_result_expiration_time,
            priority,
            catch_up_window,
            overlap,
        )
        self._check(schedule)
        await additions.add_schedules([schedule], policy)
        return schedule.id

    async def add_schedules(
        self,
        schedules: Iterable[ScheduleRequest],
        *,
        conflict_policy: ConflictPolicy | str = ConflictPolicy.do_nothing,
        connection: Any = None,
    ) -> list[str]:
        """Add many schedules, all or none: each a mapping with the arguments of `add_schedule`. Return their ids.

        :param connection: see `add_schedule`
        """
        policy = as_conflict_policy(conflict_policy)
        additions = self._additions(connection)
        added = []
        for request in schedules:
            check_names(request, ScheduleRequest)
            fields: dict[str, Any] = dict(request)
            task = await self._tasks.ensure(
                fields.pop("func_or_task_id"), max_instances=fields.pop("max_instances", unset)
            )
            schedule = new_schedule(task, self.new_id, **fields)
            self._check(schedule)
            added.append(schedule)
        await additions.add_schedules(added, policy)
        return [schedule.id for schedule in added]

    def _check(self, schedule: Schedule) -> None:
        """Refuse an executor that nobody can have; warn of what is likely to be a mistake."""
        self._check_executor(schedule.job_executor)
        if schedule.next_fire_time is None:
            self.logger.warning(
                "schedule %r will never fire: %r",
                schedule.id,
                schedule.trigger,
                extra=schedule_fields("schedule.never_fires", schedule),
            )

    async def get_schedule(self, id: str) -> Schedule:
        """Return a schedule.

        :raises ScheduleLookupError: if there is none by that id
        """
        for schedule in await self.get_schedules({id}):
            return schedule
        raise ScheduleLookupError(id)

    async def get_schedules(self, ids: Collection[str] | None = None) -> list[Schedule]:
        """Return the schedules with these ids that exist (`None`: all), ordered by id."""
        self._require_services()
        return await self.data_store.get_schedules(None if ids is None else possible_ids(ids))

    async def remove_schedule(self, id: str) -> None:
        """Remove a schedule, if it exists. Jobs that it has given already are not affected."""
        await self.remove_schedules({id})

    async def remove_schedules(self, ids: Collection[str]) -> None:
        """Remove those of the schedules that exist. Jobs that they have given already are not affected."""
        self._require_services()
        await self.data_store.remove_schedules(possible_ids(ids))

    async def pause_schedule(self, id: str) -> None:
        """Have a schedule give no jobs until it is unpaused.

        :raises ScheduleLookupError: if there is none by that id
        """
        await self._change(id, lambda schedule: evolve(schedule, paused=True))

    async def unpause_schedule(
        self, id: str, *, resume_from: datetime | Literal["now"] | None = None
    ) -> None:
        """Have a schedule that was paused, or set aside because of an error, give jobs again.

        :param resume_from: leave out the fire times before this one (aware), or before now; by default none are left
            out, and what was missed is coalesced as the schedule says
        :raises ScheduleLookupError: if there is none by that id
        """
        start = (
            await self.data_store.now()
            if resume_from == "now"
            else as_utc(resume_from, "resume_from")
        )

        def resume(schedule: Schedule) -> Schedule:
            schedule = evolve(schedule, paused=False, error=None)
            return schedule if start is None else resumed_from(schedule, start)

        await self._change(id, resume)

    async def run_schedule(self, id: str) -> UUID:
        """Queue a job of a schedule at once, besides those that it gives when it is due. Return the id of the job.

        It works for a paused schedule, too, and its overlap policy does not count.

        :raises ScheduleLookupError: if there is none by that id
        """
        schedule = await self.get_schedule(id)
        job = Job(
            id=self.new_id(),
            task_id=schedule.task_id,
            args=schedule.args,
            kwargs=schedule.kwargs,
            schedule_id=schedule.id,
            executor=schedule.job_executor,
            result_expiration_time=schedule.job_result_expiration_time,
            metadata=schedule.metadata,
            priority=schedule.priority,
            created_at=await self.data_store.now(),
        )
        await self.data_store.add_jobs([self._stamped(job)])
        return job.id

    async def update_schedule(
        self,
        id: str,
        *,
        trigger: Trigger | UnsetValue = unset,
        args: Iterable[Any] | UnsetValue = unset,
        kwargs: Mapping[str, Any] | UnsetValue = unset,
        coalesce: CoalescePolicy | str | UnsetValue = unset,
        job_executor: str | UnsetValue = unset,
        misfire_grace_time: timedelta | float | UnsetValue | None = unset,
        metadata: Mapping[str, Any] | UnsetValue = unset,
        max_jitter: timedelta | float | UnsetValue | None = unset,
        job_result_expiration_time: timedelta | float | UnsetValue = unset,
        priority: int | UnsetValue = unset,
        catch_up_window: timedelta | float | UnsetValue | None = unset,
        overlap: OverlapPolicy | str | UnsetValue = unset,
    ) -> Schedule:
        """Change a schedule and keep the rest: what is not given, and what is known of its firing. Return it.

        With another trigger it is due at that trigger's first fire time after the last one it was processed for.

        :raises ScheduleLookupError: if there is none by that id
        """
        given = {
            "args": args,
            "kwargs": kwargs,
            "coalesce": coalesce,
            "job_executor": job_executor,
            "misfire_grace_time": misfire_grace_time,
            "metadata": metadata,
            "max_jitter": max_jitter,
            "job_result_expiration_time": job_result_expiration_time,
            "priority": priority,
            "catch_up_window": catch_up_window,
            "overlap": overlap,
        }
        changes: dict[str, Any] = {
            name: value for name, value in given.items() if value is not unset
        }
        if job_executor is not unset:
            self._check_executor(job_executor)
        if trigger is not unset:
            check_trigger(trigger)

        def change(schedule: Schedule) -> Schedule:
            schedule = evolve(schedule, error=None, **changes)
            return schedule if trigger is unset else with_trigger(schedule, trigger)

        return await self._change(id, change)

    async def _change(self, id: str, change: Callable[[Schedule], Schedule]) -> Schedule:
        """Apply a change to the current state of a schedule, again if it changed meanwhile."""
        while True:
            schedule = change(await self.get_schedule(id))
            if schedule.next_fire_time is None:
                await self.data_store.remove_schedules({id})
                return schedule
            if await self.data_store.update_schedule(schedule):
                return schedule
