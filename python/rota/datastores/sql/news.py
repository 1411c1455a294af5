"""The events that tell of a change, as far as anybody wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota.datastores.sql.instants import instant
from rota.datastores.sql.rows.objects import as_uuid
from rota.model import (
    JobAcquired,
    JobAdded,
    JobDeserializationFailed,
    JobReleased,
    ScheduleAdded,
    ScheduleDeserializationFailed,
    ScheduleFailed,
    ScheduleRemoved,
    ScheduleUpdated,
    TaskAdded,
    TaskRemoved,
    TaskUpdated,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from logging import Logger

    from rota.abc import EventBroker
    from rota.datastores.sql.claims import ClaimedJobs
    from rota.datastores.sql.endings import Ending
    from rota.datastores.sql.firing import Released
    from rota.datastores.sql.jobs import ReadJobs
    from rota.datastores.sql.schedules import Added, Read, Removed
    from rota.datastores.sql.tasks import AddedTask
    from rota.model import Event, Job, Schedule, ScheduleResult

__all__ = ["News"]


class News:
    """Publishes what has changed, and logs what cannot be read. Times are the store's, in microseconds since 1970."""

    def __init__(self, broker: EventBroker, logger: Logger) -> None:
        self._logger = logger
        self._publish = broker.publish
        self._wants = broker.wants

    async def task_added(self, task_id: str, added: AddedTask) -> None:
        """Tell that a task was added or updated."""
        kind = TaskAdded if added.is_new else TaskUpdated
        if self._wants(kind):
            await self._publish(kind(timestamp=instant(added.at), task_id=task_id))

    async def task_removed(self, task_id: str, at: int) -> None:
        """Tell that a task was removed."""
        if self._wants(TaskRemoved):
            await self._publish(TaskRemoved(timestamp=instant(at), task_id=task_id))

    def of_added(self, added: Added) -> list[Event]:
        """Return the events of schedules that were added or replaced."""
        return [
            *self._of_schedules(ScheduleAdded, added.new, added.at),
            *self._of_schedules(ScheduleUpdated, added.changed, added.at),
        ]

    def _of_schedules(
        self,
        kind: type[ScheduleAdded] | type[ScheduleUpdated],
        schedules: Iterable[Schedule],
        at: int,
    ) -> list[Event]:
        if not self._wants(kind):
            return []
        timestamp = instant(at)
        return [
            kind(
                timestamp=timestamp,
                schedule_id=schedule.id,
                task_id=schedule.task_id,
                next_fire_time=schedule.next_fire_time,
            )
            for schedule in schedules
        ]

    async def schedule_updated(self, schedule: Schedule, at: int) -> None:
        """Tell that a schedule was updated."""
        await self.tell(self._of_schedules(ScheduleUpdated, [schedule], at))

    async def schedules_removed(self, removed: Sequence[Removed]) -> None:
        """Tell that schedules were removed."""
        if self._wants(ScheduleRemoved):
            await self.tell(
                [
                    ScheduleRemoved(
                        timestamp=instant(at), schedule_id=id_, task_id=task_id, finished=False
                    )
                    for id_, task_id, at in removed
                ]
            )

    async def unreadable(self, read: Read) -> None:
        """Tell which schedules cannot be read."""
        if read.unreadable and self._wants(ScheduleDeserializationFailed):
            timestamp = instant(read.at)
            await self.tell(
                [
                    ScheduleDeserializationFailed(
                        timestamp=timestamp, schedule_id=id_, exception=exception
                    )
                    for id_, exception in read.unreadable.items()
                ]
            )

    async def unreadable_at_their_time(self, read: Read) -> None:
        """Tell, and log, which schedules are due and cannot be read."""
        for id_, exception in read.unreadable.items():
            self._logger.error(
                "schedule %r cannot be read, and does not fire: %s",
                id_,
                exception,
                extra={"event": "schedule.unreadable", "schedule_id": id_},
            )
        await self.unreadable(read)

    def unreadable_tasks(self, errors: Iterable[Exception]) -> None:
        """Say which tasks cannot be read."""
        for error in errors:
            self._logger.error("%s", error, extra={"event": "task.unreadable"})

    async def released(self, released: Released) -> None:
        """Tell what schedulers have decided about schedules."""
        events = self.of_jobs(released.jobs, released.at)
        timestamp = instant(released.at)
        wanted = tuple(filter(self._wants, (ScheduleUpdated, ScheduleRemoved, ScheduleFailed)))
        if wanted:
            advances = (_of_result(result, timestamp) for result in released.accepted)
            events += [event for event in advances if isinstance(event, wanted)]
        await self.tell(events)

    def of_jobs(self, jobs: Iterable[Job], at: int) -> list[Event]:
        """Return the events of jobs that were added."""
        if not self._wants(JobAdded):
            return []
        timestamp = instant(at)
        return [
            JobAdded(
                timestamp=timestamp,
                job_id=job.id,
                task_id=job.task_id,
                schedule_id=job.schedule_id,
            )
            for job in jobs
        ]

    async def unreadable_jobs(self, read: ReadJobs) -> None:
        """Tell which jobs cannot be read."""
        if read.unreadable and self._wants(JobDeserializationFailed):
            timestamp = instant(read.at)
            await self.tell(
                [
                    JobDeserializationFailed(
                        timestamp=timestamp, job_id=as_uuid(row.id), exception=exception
                    )
                    for row, exception in read.unreadable
                ]
            )

    async def claimed(self, claimed: ClaimedJobs, scheduler_id: str) -> None:
        """Tell which jobs were claimed, and which were ended because they cannot be read."""
        events: list[Event] = []
        timestamp = instant(claimed.at)
        for ending in claimed.unreadable:
            self._logger.error(
                "job %s cannot be read, and has ended: %s",
                ending.job.id,
                ending.result.exception,
                extra={
                    "event": "job.unreadable",
                    "job_id": str(ending.job.id),
                    "task_id": ending.job.task_id,
                },
            )
        if claimed.unreadable and self._wants(JobDeserializationFailed):
            events += [
                JobDeserializationFailed(
                    timestamp=timestamp,
                    job_id=ending.job.id,
                    exception=ending.result.exception or "",
                )
                for ending in claimed.unreadable
            ]
        if self._wants(JobAcquired):
            events += [JobAcquired.from_job(job, scheduler_id, timestamp) for job in claimed.jobs]
        await self.tell(events)
        await self.ended(claimed.unreadable, claimed.at)

    async def ended(self, endings: Sequence[Ending], at: int) -> None:
        """Tell how jobs have ended."""
        if endings and self._wants(JobReleased):
            timestamp = instant(at)
            await self.tell(
                [
                    JobReleased.from_result(job, result, worker or "", timestamp)
                    for job, result, worker in endings
                ]
            )

    async def tell(self, events: Sequence[Event]) -> None:
        """Publish events."""
        if events:
            await self._publish(*events)


def _of_result(result: ScheduleResult, timestamp: datetime) -> Event:
    id_, task_id = result.schedule_id, result.task_id
    if result.error is not None:
        return ScheduleFailed(
            timestamp=timestamp, schedule_id=id_, task_id=task_id, error=result.error
        )
    if result.next_fire_time is None:
        return ScheduleRemoved(timestamp=timestamp, schedule_id=id_, task_id=task_id, finished=True)
    return ScheduleUpdated(
        timestamp=timestamp,
        schedule_id=id_,
        task_id=task_id,
        next_fire_time=result.next_fire_time,
    )
