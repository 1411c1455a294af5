"""The transactions of a store, put together for its database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from rota.datastores.sql.claims import Claims
from rota.datastores.sql.counting import Counting
from rota.datastores.sql.endings import Endings
from rota.datastores.sql.firing import Firing
from rota.datastores.sql.jobs import Jobs
from rota.datastores.sql.leases import Leases
from rota.datastores.sql.schedules import Schedules
from rota.datastores.sql.tasks import Tasks
from rota.datastores.sql.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from sqlalchemy import Connection
    from typing_extensions import Self

    from rota.abc import JobFilter
    from rota.datastores.sql.base import Base
    from rota.datastores.sql.claims import ClaimedJobs
    from rota.datastores.sql.endings import Ended
    from rota.model import JobRelease

__all__ = ["Parts"]


@frozen
class Parts:
    """The transactions, by what they deal with."""

    tasks: Tasks
    schedules: Schedules
    firing: Firing
    jobs: Jobs
    claims: Claims
    leases: Leases
    endings: Endings
    counting: Counting

    @classmethod
    def of(cls, base: Base) -> Self:
        """Put them together."""
        tasks = Tasks(base)
        schedules = Schedules(base, tasks)
        turns = Turns(base, tasks)
        jobs = Jobs(base, tasks, turns)
        endings = Endings(base, tasks, turns)
        return cls(
            tasks=tasks,
            schedules=schedules,
            firing=Firing(base, schedules, jobs),
            jobs=jobs,
            claims=Claims(base, tasks, jobs, endings),
            leases=Leases(base),
            endings=endings,
            counting=Counting(base),
        )

    def exchange(
        self,
        connection: Connection,
        scheduler_id: str,
        releases: Sequence[JobRelease],
        lease: timedelta,
        limit: int,
        accept: JobFilter | None,
    ) -> tuple[Ended, ClaimedJobs]:
        """Record results and end claims, then claim jobs."""
        ended = self.endings.release(connection, scheduler_id, releases)
        return ended, self.claims.claim(connection, scheduler_id, lease, limit, accept)
