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
    """Makes the events of what has happened, with the time by the data store's clock, and tells the event brokers.

    They are told after the change and without the lock of the data store.
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
        """Publish events, those of one operation at once."""
        if events:
            for broker in set(self._brokers):
                await broker.publish(*events)

    def added_schedules(self, rows: Sequence[Row], now: datetime) -> list[Event]:
        """Tell of new schedules."""
        if not rows or not self.wants(ScheduleAdded):
            return []
        return [_stored(ScheduleAdded, row, now) for row in rows]

    def updated_schedules(self, rows: Sequence[Row], now: datetime) -> list[Event]:
        """Tell of schedules that were overwritten, or advanced."""
        if not rows or not self.wants(ScheduleUpdated):
            return []
        return [_stored(ScheduleUpdated, row, now) for row in rows]

    def removed_schedules(
        self, rows: Sequence[Row], now: datetime, *, finished: bool
    ) -> list[Event]:
        """Tell of schedules that are gone."""
        if not rows or not self.wants(ScheduleRemoved):
            return []
        return [
            ScheduleRemoved(
                timestamp=now, schedule_id=row.id, task_id=row.task_id, finished=finished
            )
            for row in rows
        ]

    def unreadable_schedules(self, schedules: Sequence[Unreadable], now: datetime) -> list[Event]:
        """Tell of schedules that could not be handed out."""
        if not schedules or not self.wants(ScheduleDeserializationFailed):
            return []
        return [
            ScheduleDeserializationFailed(
                timestamp=now, schedule_id=schedule.schedule_id, exception=schedule.exception
            )
            for schedule in schedules
        ]

    def progressed(self, progress: Progress, jobs: Sequence[Job], now: datetime) -> list[Event]:
        """Tell what releasing schedules has led to."""
        events = self.added_jobs(jobs, now)
        events += self.updated_schedules(progress.advanced, now)
        events += self.removed_schedules(progress.finished, now, finished=True)
        if progress.set_aside and self.wants(ScheduleFailed):
            for row in progress.set_aside:
                events.append(
                    ScheduleFailed(
                        timestamp=now,
                        schedule_id=row.id,
                        task_id=row.task_id,
                        error=row.error or "",
                    )
                )
        return events

    def added_jobs(self, jobs: Sequence[Job], now: datetime) -> list[Event]:
        """Tell of new jobs."""
        if not jobs or not self.wants(JobAdded):
            return []
        return [
            JobAdded(timestamp=now, job_id=job.id, task_id=job.task_id, schedule_id=job.schedule_id)
            for job in jobs
        ]

    def acquired_jobs(self, jobs: Sequence[Job], scheduler_id: str, now: datetime) -> list[Event]:
        """Tell of jobs that a worker has claimed."""
        if not jobs or not self.wants(JobAcquired):
            return []
        return [JobAcquired.from_job(job, scheduler_id, now) for job in jobs]

    def ended_jobs(self, ended: Ended, now: datetime) -> list[Event]:
        """Tell how jobs, or attempts, have ended; of what nobody held, no scheduler is named."""
        if not ended or not self.wants(JobReleased):
            return []
        return [
            JobReleased.from_result(job, result, job.acquired_by or "", now)
            for job, result in ended
        ]


def _stored(kind: type[ScheduleAdded | ScheduleUpdated], row: Row, now: datetime) -> Event:
    return kind(
        timestamp=now,
        schedule_id=row.id,
        task_id=row.task_id,
        next_fire_time=row.next_fire_time,
    )
