"""What becomes of a fire time while an earlier job of its schedule has not ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve

from rota.model import FireTimeSkipped, OverlapPolicy
from rota.schedulers._claim import Verdict
from rota.schedulers._schedule_log import ScheduleLog

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from uuid import UUID

    from rota.model import Job, Schedule, ScheduleResult
    from rota.schedulers._node import Node

__all__ = ["Overlaps", "Settled", "admitted"]

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


class Settled(NamedTuple):
    """Results without the jobs that must not be made.

    :param skipped: the jobs that must not be made
    :param outdated: the earlier jobs that must give way, by schedule
    """

    results: Sequence[ScheduleResult]
    skipped: Sequence[Job] = ()
    outdated: Mapping[str, Collection[UUID]] = {}


class Overlaps:
    """Applies the policies of schedules.

    Whoever has claimed a schedule is the only one who gives it jobs, so what is read of its jobs meanwhile can only
    have ended before the result is written. Earlier jobs are cancelled after that: it may be refused, and then nothing
    takes their place.
    """

    def __init__(self, node: Node, give_up: Callable[[Collection[UUID], Verdict], object]) -> None:
        self._node = node
        self._give_up = give_up
        self._log = ScheduleLog(node.logger)

    async def settle(
        self, schedules: Sequence[Schedule], results: Sequence[ScheduleResult]
    ) -> Settled:
        """Return what of the results is to be written, and what follows from it."""
        policies = {
            schedule.id: schedule.overlap for schedule in schedules if schedule.overlap not in _ALL
        }
        if not policies:
            return Settled(results)
        unfinished = await self._node.data_store.unfinished_jobs(policies)
        settled, skipped = [], []
        outdated: dict[str, Collection[UUID]] = {}
        for result in results:
            policy = policies.get(result.schedule_id, OverlapPolicy.allow)
            earlier = unfinished.get(result.schedule_id, _NONE)
            jobs = admitted(policy, result.jobs, earlier)
            if len(jobs) < len(result.jobs):
                skipped += [job for job in result.jobs if job not in jobs]
                result = evolve(result, jobs=jobs)
            if policy is OverlapPolicy.cancel_other and jobs and earlier:
                outdated[result.schedule_id] = list(earlier)
            settled.append(result)
        return Settled(settled, skipped, outdated)

    async def follow_up(self, settled: Settled, refused: Collection[str]) -> None:
        """Cancel the jobs that must give way, and tell which fire times gave no job; not where a result was refused."""
        outdated = {
            job_id
            for schedule_id, job_ids in settled.outdated.items()
            if schedule_id not in refused
            for job_id in job_ids
        }
        if outdated:
            cancelled = await self._node.data_store.cancel_jobs(outdated)
            self._give_up(cancelled, Verdict.cancelled)
        for job in settled.skipped:
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
