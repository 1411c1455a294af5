"""Waiting for jobs to end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rota.model import (
    DeserializationError,
    EventsMissed,
    JobAbandoned,
    JobCancelled,
    JobDeadlineMissed,
    JobLookupError,
    JobOutcome,
    JobReleased,
    JobResultNotReady,
)
from rota.schedulers._alarm import Alarm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from rota.abc import Clock, DataStore, EventBroker, Subscription
    from rota.model import Event, JobResult

__all__ = ["ResultDesk", "value_of"]


class ResultDesk:
    """Where the ends of jobs are waited for: one subscription for all who wait."""

    def __init__(self, store: DataStore, broker: EventBroker, clock: Clock) -> None:
        self._store = store
        self._broker = broker
        self._clock = clock
        self._waiting: dict[UUID, list[Alarm]] = {}
        self._subscription: Subscription | None = None

    async def result_of(
        self, job_id: UUID, *, wait: bool, polling_seconds: float
    ) -> JobResult | None:
        """Return the result of a job; `None` if it has ended while it was waited for and its result was not kept.

        :param polling_seconds: how often the data store is asked even if no event tells that the job has ended
        :raises JobResultNotReady: if it has not ended and `wait` is false
        :raises JobLookupError: if there is neither such a job nor its result
        """
        seen = False
        with self._listening(job_id) as alarm:
            while True:
                unfinished = await self._store.get_jobs({job_id})
                result = await self._store.get_job_result(job_id)
                if result is not None:
                    return result
                if not unfinished:
                    if seen:
                        return None
                    raise JobLookupError(job_id)
                if not wait:
                    raise JobResultNotReady(job_id)
                seen = True
                await alarm.sleep(polling_seconds)

    @contextmanager
    def _listening(self, job_id: UUID) -> Iterator[Alarm]:
        alarm = Alarm(self._clock)
        self._waiting.setdefault(job_id, []).append(alarm)
        if self._subscription is None:
            self._subscription = self._broker.subscribe(self._released, {JobReleased, EventsMissed})
        try:
            yield alarm
        finally:
            alarms = self._waiting[job_id]
            alarms.remove(alarm)
            if not alarms:
                del self._waiting[job_id]
            if not self._waiting and self._subscription is not None:
                self._subscription.unsubscribe()
                self._subscription = None

    def _released(self, event: Event) -> None:
        if isinstance(event, EventsMissed):
            for alarms in self._waiting.values():
                for alarm in alarms:
                    alarm.ring()
            return
        assert isinstance(event, JobReleased), "subscribed to nothing else"
        for alarm in self._waiting.get(event.job_id, ()):
            alarm.ring()


def value_of(result: JobResult) -> Any:
    """Return what the job returned, or raise what it raised or why it has no value.

    Of a job that ended well there is an exception if what it returned could not be stored, or not be read again.
    """
    if isinstance(result.exception, Exception):
        raise result.exception
    if result.exception is not None:  # it would end who waits, not who ran the job
        name = type(result.exception).__qualname__
        raise RuntimeError(f"the job raised {name}: {result.exception}") from result.exception
    if result.outcome is JobOutcome.success:
        return result.return_value
    if result.outcome is JobOutcome.missed_start_deadline:
        raise JobDeadlineMissed(result.job_id)
    if result.outcome is JobOutcome.abandoned:
        raise JobAbandoned(result.job_id)
    if result.outcome is JobOutcome.deserialization_failed:
        raise DeserializationError(f"job {result.job_id} could not be read from the data store")
    raise JobCancelled(result.job_id)
