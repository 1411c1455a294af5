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
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from rota.datastores._memory.jobs import Ended
    from rota.datastores._memory.rows import Row
    from rota.datastores._memory.schedules import Progress, Unreadable
    from rota.model import Event, Job

__all__ = ["Announcer"]


class Announcer:
    """Makes the events of what happened at one time.

    :param wants: tells whether events of a type could reach anybody
    :param now: the time by the data store's clock
    """

    def __init__(self, wants: Callable[[type[Event]], bool], now: datetime) -> None:
        self._wants = wants
        self._now = now

    def stored(self, changes: Iterable[tuple[Row, bool]]) -> Iterator[Event]:
        """Tell of schedules that were added, or overwritten."""
        added, updated = self._wants(ScheduleAdded), self._wants(ScheduleUpdated)
        for row, is_new in changes if added or updated else ():
            if added if is_new else updated:
                kind = ScheduleAdded if is_new else ScheduleUpdated
                yield kind(
                    timestamp=self._now,
                    schedule_id=row.id,
                    task_id=row.task_id,
                    next_fire_time=row.next_fire_time,
                )

    def removed(self, rows: Iterable[Row], *, finished: bool) -> Iterator[Event]:
        """Tell of schedules that are gone."""
        if self._wants(ScheduleRemoved):
            for row in rows:
                yield ScheduleRemoved(
                    timestamp=self._now,
                    schedule_id=row.id,
                    task_id=row.task_id,
                    finished=finished,
                )

    def unreadable(self, schedules: Iterable[Unreadable]) -> Iterator[Event]:
        """Tell of schedules that could not be handed out."""
        if self._wants(ScheduleDeserializationFailed):
            for schedule in schedules:
                yield ScheduleDeserializationFailed(
                    timestamp=self._now,
                    schedule_id=schedule.schedule_id,
                    exception=schedule.exception,
                )

    def progressed(self, progress: Progress, added: Iterable[Job]) -> Iterator[Event]:
        """Tell what releasing schedules has led to."""
        yield from self.added(added)
        yield from self.stored((row, False) for row in progress.advanced)
        yield from self.removed(progress.finished, finished=True)
        if self._wants(ScheduleFailed):
            for row in progress.set_aside:
                yield ScheduleFailed(
                    timestamp=self._now,
                    schedule_id=row.id,
                    task_id=row.task_id,
                    error=row.error or "",
                )

    def added(self, jobs: Iterable[Job]) -> Iterator[Event]:
        """Tell of new jobs."""
        if self._wants(JobAdded):
            for job in jobs:
                yield JobAdded(
                    timestamp=self._now,
                    job_id=job.id,
                    task_id=job.task_id,
                    schedule_id=job.schedule_id,
                )

    def acquired(self, jobs: Iterable[Job], scheduler_id: str) -> Iterator[Event]:
        """Tell of jobs that a worker has claimed."""
        if self._wants(JobAcquired):
            for job in jobs:
                yield JobAcquired.from_job(job, scheduler_id, self._now)

    def ended(self, ended: Ended) -> Iterator[Event]:
        """Tell how jobs, or attempts, have ended; of what nobody held, no scheduler is named."""
        if self._wants(JobReleased):
            for job, result in ended:
                yield JobReleased.from_result(job, result, job.acquired_by or "", self._now)
