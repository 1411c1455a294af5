"""The events by which changes become known, made only for those types that somebody wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota.model import (
    JobAcquired,
    JobAdded,
    JobReleased,
    ScheduleAdded,
    ScheduleDeserializationFailed,
    ScheduleFailed,
    ScheduleRemoved,
    ScheduleUpdated,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rota.abc import EventBroker
    from rota.datastores._memory.jobs import Ended
    from rota.datastores._memory.rows import Row
    from rota.datastores._memory.schedules import Progress, Unreadable
    from rota.model import Event, Job

__all__ = ["Announcer"]


class Announcer:
    """Tells the event brokers of the schedulers what has happened.

    It is told after the change and without the lock of the data store, with the time by the data store's clock.
    """

    def __init__(self) -> None:
        self._brokers: tuple[EventBroker, ...] = ()

    def join(self, broker: EventBroker) -> None:
        """Give events to this broker, too; once more for each time that it joins."""
        self._brokers += (broker,)

    def leave(self, broker: EventBroker) -> None:
        """Take back one `join`."""
        brokers = list(self._brokers)
        brokers.remove(broker)
        self._brokers = tuple(brokers)

    def has_brokers(self) -> bool:
        """Tell whether there is anybody to give events to."""
        return bool(self._brokers)

    def wants(self, event_type: type[Event]) -> bool:
        """Tell whether events of a type could reach anybody."""
        for broker in self._brokers:  # noqa: SIM110 - a generator takes several times as long
            if broker.wants(event_type):
                return True
        return False

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish events."""
        for broker in set(self._brokers):
            await broker.publish(*events)

    async def added_schedules(self, rows: Sequence[Row], now: datetime) -> None:
        """Tell of new schedules."""
        if rows and self.wants(ScheduleAdded):
            await self.publish([_stored(ScheduleAdded, row, now) for row in rows])

    async def updated_schedules(self, rows: Sequence[Row], now: datetime) -> None:
        """Tell of schedules that were overwritten, or advanced."""
        if rows and self.wants(ScheduleUpdated):
            await self.publish([_stored(ScheduleUpdated, row, now) for row in rows])

    async def removed_schedules(
        self, rows: Sequence[Row], now: datetime, *, finished: bool
    ) -> None:
        """Tell of schedules that are gone."""
        if rows and self.wants(ScheduleRemoved):
            await self.publish(
                [
                    ScheduleRemoved(
                        timestamp=now, schedule_id=row.id, task_id=row.task_id, finished=finished
                    )
                    for row in rows
                ]
            )

    async def unreadable_schedules(self, schedules: Sequence[Unreadable], now: datetime) -> None:
        """Tell of schedules that could not be handed out."""
        if schedules and self.wants(ScheduleDeserializationFailed):
            await self.publish(
                [
                    ScheduleDeserializationFailed(
                        timestamp=now,
                        schedule_id=schedule.schedule_id,
                        exception=schedule.exception,
                    )
                    for schedule in schedules
                ]
            )

    async def progressed(self, progress: Progress, jobs: Sequence[Job], now: datetime) -> None:
        """Tell what releasing schedules has led to."""
        await self.added_jobs(jobs, now)
        await self.updated_schedules(progress.advanced, now)
        await self.removed_schedules(progress.finished, now, finished=True)
        if progress.set_aside and self.wants(ScheduleFailed):
            await self.publish(
                [
                    ScheduleFailed(
                        timestamp=now,
                        schedule_id=row.id,
                        task_id=row.task_id,
                        error=row.error or "",
                    )
                    for row in progress.set_aside
                ]
            )

    async def added_jobs(self, jobs: Sequence[Job], now: datetime) -> None:
        """Tell of new jobs."""
        if jobs and self.wants(JobAdded):
            await self.publish(
                [
                    JobAdded(
                        timestamp=now,
                        job_id=job.id,
                        task_id=job.task_id,
                        schedule_id=job.schedule_id,
                    )
                    for job in jobs
                ]
            )

    async def acquired_jobs(self, jobs: Sequence[Job], scheduler_id: str, now: datetime) -> None:
        """Tell of jobs that a worker has claimed."""
        if jobs and self.wants(JobAcquired):
            await self.publish([JobAcquired.from_job(job, scheduler_id, now) for job in jobs])

    async def ended_jobs(self, ended: Ended, now: datetime) -> None:
        """Tell how jobs, or attempts, have ended; of what nobody held, no scheduler is named."""
        if ended and self.wants(JobReleased):
            await self.publish(
                [
                    JobReleased.from_result(job, result, job.acquired_by or "", now)
                    for job, result in ended
                ]
            )


def _stored(kind: type[ScheduleAdded | ScheduleUpdated], row: Row, now: datetime) -> Event:
    return kind(
        timestamp=now,
        schedule_id=row.id,
        task_id=row.task_id,
        next_fire_time=row.next_fire_time,
    )
