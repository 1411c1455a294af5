"""Keeps the leases on claimed jobs alive, whatever the user's event loop does meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

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
        self._alarm: Alarm | None = None

    async def run(self) -> None:
        """Keep the leases until cancelled."""
        handle = self._node.data_store.lease_handle()
        if handle is None or not isinstance(self._node.clock, SystemClock):
            self._alarm = Alarm(self._node.clock)
            await self.keep(self._node.data_store, self._give_up)
        else:
            await LeaseThread(self, handle, self._node, self._give_up).run()

    async def keep(
        self, store: DataStore, give_up: Callable[[Collection[UUID], Verdict], object]
    ) -> None:
        """Renew through `store` again and again, until cancelled."""
        interval = self._lease_seconds / RENEWALS_PER_LEASE
        pause = interval
        while True:
            await self._sleep(pause)
            pause = interval
            try:
                with anyio.fail_after(interval):
                    lost, cancelled = await self.renew(store)
            except Exception as exc:  # noqa: BLE001 - a store may raise what its driver raises
                pause = min(interval, self._outage.noted(exc))
                lost, cancelled = set(), set()
            else:
                self._outage.over()
            lost |= self._expired()
            if lost:
                give_up(lost, Verdict.lost)
            if cancelled:
                give_up(cancelled, Verdict.cancelled)

    def begin(self) -> None:
        """Note that there are claims again, after there had been none."""
        if self._alarm is not None:
            self._alarm.ring()

    async def _sleep(self, seconds: float) -> None:
        if (
            self._alarm is not None and not self._claims
        ):  # waking up in vain is dear in virtual time
            await self._alarm.sleep(IDLE_SECONDS)
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

    def _expired(self) -> set[UUID]:
        now = self._node.clock.monotonic()
        return {job_id for job_id, claim in dict(self._claims).items() if claim.deadline <= now}
