"""Keeps the leases on claimed jobs alive, whatever the user's event loop does meanwhile."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import anyio
from anyio import create_task_group

from rota._environment import SystemClock
from rota.schedulers._alarm import Alarm
from rota.schedulers._claim import Verdict
from rota.schedulers._lease_thread import LeaseThread

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from uuid import UUID

    from rota.abc import DataStore
    from rota.schedulers._claim import Claim
    from rota.schedulers._node import Node

__all__ = ["LeaseKeeper"]

RENEWALS_PER_LEASE = 3
IDLE_SECONDS = 86_400.0
RESERVE = 0.1  #: the part of a lease that is left to jobs for ending, when they are given up because it runs out


class LeaseKeeper:
    """Extends leases in time, and tells which jobs must be given up.

    On the system's clock it works in a thread with an event loop of its own, over a second handle on the data store,
    so that a job that blocks the event loop does not cost this scheduler its leases. Under another clock, or where
    the store has no such handle, it is a task.

    A lease counts from when its extension was *asked for*, by the monotonic clock: an answer that comes too late does
    not bring a lease back.

    :param claims: what is held, changing all the time
    :param give_up: called on the scheduler's event loop with jobs that must not go on, and why
    """

    def __init__(
        self,
        node: Node,
        claims: Mapping[UUID, Claim],
        give_up: Callable[[Collection[UUID], Verdict], object],
    ) -> None:
        self._node = node
        self._claims = claims
        self._give_up = give_up
        self._outage = node.outage("renewing leases")
        self._lease_seconds = node.lease_duration.total_seconds()
        self._begun: Alarm | None = None
        self._begun_too: Alarm | None = None

    async def run(self) -> None:
        """Keep the leases until cancelled."""
        handle = self._node.data_store.lease_handle()
        if handle is None or not isinstance(self._node.clock, SystemClock):
            self._begun = Alarm(self._node.clock)
            self._begun_too = Alarm(self._node.clock)
            await self.keep(self._node.data_store, self._give_up)
        else:
            await LeaseThread(self, handle, self._node, self._give_up).run()

    async def keep(
        self, store: DataStore, give_up: Callable[[Collection[UUID], Verdict], object]
    ) -> None:
        """Renew through `store` again and again, until cancelled."""
        async with create_task_group() as group:
            group.start_soon(self._renew_again_and_again, store, give_up)
            # Not by the same task: if the connection is dead, even giving up an attempt can take long.
            await self._give_up_in_time(give_up)

    async def _renew_again_and_again(
        self, store: DataStore, give_up: Callable[[Collection[UUID], Verdict], object]
    ) -> None:
        interval = self._lease_seconds / RENEWALS_PER_LEASE
        pause = interval
        while True:
            await self._sleep(pause, self._begun)
            pause = interval
            try:
                with anyio.move_on_after(interval) as scope:
                    lost, cancelled = await self.renew(store)
                if scope.cancelled_caught:
                    raise TimeoutError(f"no answer within {interval:.1f} seconds")
            except Exception as exc:  # noqa: BLE001 - a store may raise what its driver raises
                pause = min(interval, self._outage.noted(exc))
                continue
            self._outage.over()
            if lost:
                give_up(lost, Verdict.lost)
            if cancelled:
                give_up(cancelled, Verdict.cancelled)

    async def _give_up_in_time(
        self, give_up: Callable[[Collection[UUID], Verdict], object]
    ) -> None:
        reserve = self._lease_seconds * RESERVE
        longest = self._lease_seconds / RENEWALS_PER_LEASE
        while True:
            now = self._node.clock.monotonic()
            ends = {id_: claim.deadline - reserve for id_, claim in dict(self._claims).items()}
            expired = {id_ for id_, end in ends.items() if end <= now}
            if expired:
                give_up(expired, Verdict.lost)
            first = min((end for end in ends.values() if end > now), default=inf)
            # Claims that are made meanwhile do not end before: see `least_seconds`.
            await self._sleep(min(first - now, longest), self._begun_too)

    @property
    def least_seconds(self) -> float:
        """What must be left of the lease of a new claim, or it could end before the keeper has looked at it."""
        return self._lease_seconds * (1 / RENEWALS_PER_LEASE + RESERVE)

    def begin(self) -> None:
        """Note that there are claims again, after there had been none."""
        for alarm in (self._begun, self._begun_too):
            if alarm is not None:
                alarm.ring()

    async def _sleep(self, seconds: float, begun: Alarm | None) -> None:
        if begun is not None and not self._claims:  # waking up in vain is dear in virtual time
            await begun.sleep(IDLE_SECONDS)
        await self._node.clock.sleep(seconds)

    async def renew(self, store: DataStore) -> tuple[set[UUID], set[UUID]]:
        """Extend all leases; return the jobs that are no longer ours, and those that somebody has cancelled."""
        claims = dict(self._claims)
        if not claims:
            return set(), set()
        asked = self._node.clock.monotonic()
        tokens = {job_id: claim.job.token for job_id, claim in claims.items()}
        answer = await store.extend_leases(self._node.id, self._node.lease_duration, {}, tokens)
        for job_id, claim in claims.items():
            if job_id not in answer.job_ids:
                claim.deadline = max(claim.deadline, asked + self._lease_seconds)
        return set(answer.job_ids), await store.cancelled_jobs(self._node.id)
