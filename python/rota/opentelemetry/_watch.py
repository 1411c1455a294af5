"""Watches one scheduler: counts what it does as it tells of it, and looks at its data store now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import Observation

from rota.model import (
    Event,
    FireTimeSkipped,
    JobLeaseLost,
    JobReleased,
    ScheduleDeserializationFailed,
    ScheduleFailed,
)
from rota.opentelemetry._names import (
    ERROR_TYPE,
    JOB_OUTCOME,
    JOB_STATE,
    SCHEDULER,
    TASK_ID,
)
from rota.schedulers._context import acting_scheduler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from rota.abc import Backlog
    from rota.opentelemetry._instruments import Instruments
    from rota.schedulers._node import Node
    from rota.schedulers.async_ import AsyncScheduler

__all__ = ["Watch"]


class Watch:
    """What is reported of a scheduler.

    Of an event that reaches several schedulers only that one takes account which caused it. So each is counted once,
    however many processes share an event broker.

    :param interval: how often the backlog is counted; `None` for never
    """

    def __init__(
        self, scheduler: AsyncScheduler, instruments: Instruments, interval: timedelta | None
    ) -> None:
        self._scheduler = scheduler
        self._instruments = instruments
        self._interval = interval
        self._backlog: Backlog | None = None
        self._node_id: str | None = None
        self._attributes = {SCHEDULER: scheduler.identity}
        self._reactions: dict[type[Event], Any] = {
            JobReleased: self._released,
            JobLeaseLost: self._lease_lost,
            FireTimeSkipped: self._skipped,
            ScheduleFailed: self._schedule_failed,
            ScheduleDeserializationFailed: self._schedule_unreadable,
        }
        broker = scheduler.event_broker
        # Whatever is queued may be dropped, and no longer tells on whose behalf it was published.
        subscribe = getattr(broker, "subscribe_inline", broker.subscribe)
        subscribe(self._happened, self._reactions)
        instruments.watches.add(self)

    # what happens

    def _happened(self, event: Event) -> None:
        scheduler_id = getattr(event, "scheduler_id", "")
        if acting_scheduler.get() is self._scheduler or scheduler_id == self._node_id:
            self._reactions[type(event)](event)

    def _released(self, event: JobReleased) -> None:
        attributes = {TASK_ID: event.task_id, JOB_OUTCOME: event.outcome.name}
        if event.exception_type is not None:
            attributes[ERROR_TYPE] = event.exception_type
        self._instruments.ended.add(1, attributes)
        if event.started_at is None:
            return
        duration = (event.timestamp - event.started_at).total_seconds()
        self._instruments.duration.record(max(duration, 0), attributes)
        if event.scheduled_start is not None and event.attempt == 1:
            lateness = (event.started_at - event.scheduled_start).total_seconds()
            self._instruments.lateness.record(max(lateness, 0), {TASK_ID: event.task_id})

    def _lease_lost(self, event: JobLeaseLost) -> None:
        self._instruments.leases_lost.add(1, {TASK_ID: event.task_id})

    def _skipped(self, event: FireTimeSkipped) -> None:
        self._instruments.skipped.add(1, {TASK_ID: event.task_id})

    def _schedule_failed(self, event: ScheduleFailed) -> None:
        self._instruments.schedules_failed.add(1, {TASK_ID: event.task_id})

    def _schedule_unreadable(self, _event: ScheduleDeserializationFailed) -> None:
        self._instruments.schedules_failed.add(1)

    # what is the case

    async def run(self, node: Node) -> None:
        """Count the backlog again and again while the scheduler runs."""
        self._node_id = node.id
        if self._interval is None:
            return
        outage = node.outage("counting the backlog")
        try:
            while True:
                try:
                    self._backlog = await node.data_store.backlog()
                    outage.over()
                except Exception as exc:  # noqa: BLE001 - a store may raise what its driver raises
                    self._backlog = None
                    await outage.wait(exc)
                else:
                    await node.clock.sleep(self._interval.total_seconds())
        finally:
            self._backlog = None

    def dropped_events(self) -> Iterator[Observation]:
        """Tell how many events did not fit into a queue."""
        yield Observation(self._scheduler.event_broker.dropped_events, self._attributes)

    def problems(self) -> Iterator[Observation]:
        """Tell how many things the scheduler does in vain."""
        yield Observation(len(self._scheduler.health.problems), self._attributes)

    def jobs(self) -> Iterator[Observation]:
        """Tell how many jobs there were when the backlog was counted."""
        if (backlog := self._backlog) is not None:
            counts = {
                "due": backlog.due_jobs,
                "delayed": backlog.delayed_jobs,
                "running": backlog.running_jobs,
            }
            for state, count in counts.items():
                yield Observation(count, {**self._attributes, JOB_STATE: state})

    def due_schedules(self) -> Iterator[Observation]:
        """Tell how many schedules were due when the backlog was counted."""
        if (backlog := self._backlog) is not None:
            yield Observation(backlog.due_schedules, self._attributes)

    def overdue(self) -> Iterator[Observation]:
        """Tell for how many seconds the first of them had been due."""
        if (backlog := self._backlog) is not None:
            yield Observation(backlog.overdue.total_seconds(), self._attributes)
