"""What the loops of a running scheduler share."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from attrs import define, field

from rota.schedulers._outage import Outage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta
    from logging import Logger
    from random import Random

    from rota.abc import Clock, DataStore, EventBroker, JobExecutor, JobFilter
    from rota.schedulers._tasks import TaskRegistry

__all__ = ["Node"]


@define(eq=False, kw_only=True)
class Node:
    """One start of a scheduler.

    :param id: the incarnation: fresh at every start, so that two processes of one identity do not mix
    :param polling_interval: how often the data store is asked at least, whatever else is known
    :param accept: which jobs it runs; `None` for all
    """

    id: str
    data_store: DataStore
    event_broker: EventBroker
    executors: Mapping[str, JobExecutor]
    tasks: TaskRegistry
    clock: Clock
    random: Random
    new_id: Callable[[], UUID]
    logger: Logger
    lease_duration: timedelta
    polling_interval: timedelta
    accept: JobFilter | None = None
    _outages: dict[str, Outage] = field(factory=dict, init=False)

    def outage(self, doing: str) -> Outage:
        """Return a record of failures of what `doing` names."""
        polling_seconds = self.polling_interval.total_seconds()
        outage = Outage(doing, self.logger, self.clock, self.random, polling_seconds)
        self._outages[doing] = outage
        return outage

    def problems(self) -> dict[str, str]:
        """Return what is being done in vain at present, and why."""
        outages = list(self._outages.items())
        return {doing: outage.problem for doing, outage in outages if outage.problem is not None}
