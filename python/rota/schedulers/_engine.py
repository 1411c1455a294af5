"""What runs while a scheduler runs: its loops, started and stopped together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
from anyio import create_task_group

from rota.model import SchedulerRole
from rota.schedulers._job_loop import JobLoop
from rota.schedulers._leases import LeaseKeeper
from rota.schedulers._schedule_loop import ScheduleLoop
from rota.schedulers._upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable
    from uuid import UUID

    from rota.schedulers._claim import Claim, Verdict
    from rota.schedulers._node import Node
    from rota.schedulers._settings import Settings

__all__ = ["Companion", "Engine"]

#: What runs beside the loops until the scheduler stops. It must not raise.
Companion: TypeAlias = "Callable[[Node], Coroutine[Any, Any, None]]"


class Engine:
    """One run of a scheduler, from start to stop."""

    def __init__(
        self, node: Node, settings: Settings, companions: Iterable[Companion] = ()
    ) -> None:
        self._node = node
        self._companions = tuple(companions)
        self._role = settings.role
        self._limit = settings.max_concurrent_jobs
        self._patience_seconds = settings.shutdown_timeout.total_seconds()
        self._claims: dict[UUID, Claim] = {}
        self._stop = anyio.Event()
        self._keeper = LeaseKeeper(node, self._claims, self.give_up)
        self._upkeep = Upkeep(node, self._keeper, self.give_up, settings.cleanup_interval)
        self._schedules: ScheduleLoop | None = None
        self._jobs: JobLoop | None = None

    async def run(self, started: Callable[[], object]) -> None:
        """Run until `stop` is called, and wind down; call `started` when everything runs."""
        async with create_task_group() as group:
            if self._role is not SchedulerRole.worker:
                self._schedules = ScheduleLoop(self._node, self.give_up)
                group.start_soon(self._schedules.run, name="rota schedule loop")
            if self._role is not SchedulerRole.scheduler:
                self._jobs = JobLoop(
                    self._node, group, self._claims, self._limit, self._keeper, self._upkeep.reap
                )
                group.start_soon(self._jobs.run, name="rota job loop")
                group.start_soon(self._keeper.run, name="rota lease keeper")
            group.start_soon(self._upkeep.run, name="rota upkeep")
            for companion in self._companions:
                group.start_soon(companion, self._node)
            started()
            await self._stop.wait()
            if self._schedules is not None:
                self._schedules.close()
            if self._jobs is not None:
                await self._jobs.stop(self._patience_seconds)
            if self._schedules is not None:
                await self._schedules.closed()
            group.cancel_scope.cancel()

    def problems(self) -> dict[str, str]:
        """Return what is being done in vain at present, and why."""
        return self._node.problems()

    def stop(self) -> None:
        """Begin to wind down."""
        self._stop.set()

    def hurry(self) -> None:
        """Wait no longer for running jobs."""
        self._patience_seconds = 0
        self._stop.set()
        if self._jobs is not None:
            self._jobs.hurry()

    def give_up(self, job_ids: Collection[UUID], verdict: Verdict) -> None:
        """Cancel those of the jobs that are held here."""
        for job_id in job_ids:
            claim = self._claims.get(job_id)
            if claim is not None:
                claim.cancel(verdict)
