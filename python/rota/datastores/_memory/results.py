"""Results of jobs, as long as they are kept, and the fire times that are taken by jobs and by results."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from rota.datastores._memory.records import FireTime
    from rota.model import JobResult

__all__ = ["ResultTable"]


class ResultTable:
    """The kept results, and the fire times that have had their job."""

    def __init__(self) -> None:
        self._results: dict[UUID, JobResult] = {}
        self._by_expiry: list[tuple[datetime, int, UUID, FireTime | None]] = []
        self._taken: set[FireTime] = set()

    def take(self, fire_time: FireTime) -> bool:
        """Note that a job is about to be made for a fire time; tell whether it is the first one."""
        if fire_time in self._taken:
            return False
        self._taken.add(fire_time)
        return True

    def keep(self, result: JobResult, fire_time: FireTime | None) -> None:
        """Keep the result of a job that has ended, if it is to be kept; else its fire time is free again."""
        if result.expires_at > result.finished_at:
            self._results[result.job_id] = result
            job_id = result.job_id
            heappush(self._by_expiry, (result.expires_at, job_id.int, job_id, fire_time))
        elif fire_time is not None:
            self._taken.discard(fire_time)

    def get(self, job_id: UUID, now: datetime) -> JobResult | None:
        """Return a kept result whose time is not up."""
        result = self._results.get(job_id)
        return None if result is None or result.expires_at <= now else result

    def drop_expired(self, now: datetime, limit: int) -> bool:
        """Drop up to `limit` results whose time is up; tell whether there may be more."""
        heap = self._by_expiry
        for _ in range(limit):
            if not heap or heap[0][0] > now:
                return False
            _, _, job_id, fire_time = heappop(heap)
            del self._results[job_id]
            if fire_time is not None:
                self._taken.discard(fire_time)
        return True
