"""What becomes of a fire time while an earlier job of its schedule has not ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from rota.model import FireTimeSkipped, OverlapPolicy
from rota.schedulers._claim import Verdict
from rota.schedulers._schedule_log import ScheduleLog

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from uuid import UUID

    from rota.model import Job, Schedule, ScheduleResult
    from rota.schedulers._node import Node

__all__ = ["Overlaps", "admitted"]

_ALL = (OverlapPolicy.allow, OverlapPolicy.queue_all)  #: let each fire time become a job
_NONE: Mapping[UUID, bool] = {}


def admitted(
    policy: OverlapPolicy, jobs: Sequence[Job], unfinished: Mapping[UUID, bool]
) -> Sequence[Job]:
    """Return which of the jobs that a schedule gives at once are to be made. Pure.

    :param unfinished: the earlier jobs, each with whether it runs
    """
    if policy in _ALL:
        return jobs
    if policy is OverlapPolicy.skip and unfinished:
        return ()
    if policy is OverlapPolicy.queue_one and not all(unfinished.values()):
        return ()
    return jobs[-1:]  # they would overlap each other; the latest is what coalescing prefers, too


class Overlaps:
    """Applies the policies of schedules.

    Whoever has claimed a schedule is the only one who gives it jobs, so what is read of its jobs meanwhile can only
    have ended before the result is written. The earlier jobs are cancelled before that: if this scheduler dies in
    between, the fire time is processed again.
    """

    def __init__(self, node: Node, give_up: Callable[[Collection[UUID], Verdict], object]) -> None:
        self._node = node
        self._give_up = give_up
        self._log = ScheduleLog(node.logger)

    async def settle(
        self, schedules: Sequence[Schedule], results: list[ScheduleResult]
    ) -> tuple[list[ScheduleResult], list[Job]]:
        """Return the results without the jobs that must not be made, and these; cancel jobs that must give way."""
        policies = {
            schedule.id: schedule.overlap for schedule in schedules if schedule.overlap not in _ALL
        }
        if not policies:
            return results, []
        unfinished = await self._node.data_store.unfinished_jobs(policies)
        settled, skipped = [], []
        to_cancel: set[UUID] = set()
        for result in results:
            policy = policies.get(result.schedule_id, OverlapPolicy.allow)
            earlier = unfinished.get(result.schedule_id, _NONE)
            jobs = admitted(policy, result.jobs, earlier)
            if len(jobs) < len(result.jobs):
                skipped += [job for job in result.jobs if job not in jobs]
                result = evolve(result, jobs=jobs)
            if policy is OverlapPolicy.cancel_other and jobs:
                to_cancel.update(earlier)
            settled.append(result)
        if to_cancel:
            cancelled = await self._node.data_store.cancel_jobs(to_cancel)
            self._give_up(cancelled, Verdict.cancelled)
        return settled, skipped

    async def tell(self, skipped: Sequence[Job], refused: Collection[str]) -> None:
        """Log and publish which fire times gave no job, unless their schedules were changed meanwhile."""
        for job in skipped:
            assert job.schedule_id is not None, "a schedule gave it"
            assert job.original_scheduled_time is not None, "a schedule gave it"
            if job.schedule_id in refused:
                continue
            self._log.skipped(job)
            await self._node.event_broker.publish_local(
                FireTimeSkipped(
                    timestamp=job.created_at,
                    schedule_id=job.schedule_id,
                    task_id=job.task_id,
                    fire_time=job.original_scheduled_time,
                )
            )
