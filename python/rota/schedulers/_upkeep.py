"""What has to be done now and then: ending the jobs of lost workers, and removing what is no longer kept."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rota.schedulers._claim import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime, timedelta
    from uuid import UUID

    from rota.schedulers._leases import LeaseKeeper
    from rota.schedulers._node import Node

__all__ = ["Upkeep"]

JUMP = 0.5  #: of the clock that matters, in leases: each is renewed when a third of it has passed
PATIENCE = 0.5  #: for the others to renew theirs, in leases


class Upkeep:
    """Reaps once a lease, or once a polling interval if that is longer; cleans up every `cleanup_interval`, if any."""

    def __init__(
        self,
        node: Node,
        keeper: LeaseKeeper,
        give_up: Callable[[Collection[UUID], Verdict], object],
        cleanup_interval: timedelta | None,
    ) -> None:
        self._node = node
        self._keeper = keeper
        self._give_up = give_up
        self._cleanup_interval = cleanup_interval
        self._outage = node.outage("ending jobs of lost workers and cleaning up")
        self._lease_seconds = node.lease_duration.total_seconds()
        #: the store's time when it was last asked for, and the monotonic one then
        self._seen: tuple[datetime, float] | None = None
        self._patient_until = 0.0  # by the monotonic clock

    async def run(self) -> None:
        """Do what is due, until cancelled."""
        clock = self._node.clock
        pause = max(self._node.lease_duration, self._node.polling_interval).total_seconds()
        cleaned = clock.monotonic()
        with suppress(Exception):  # the store may not be there yet
            await self._others_need_time()
        seconds = pause
        while True:
            await clock.sleep(seconds)
            seconds = pause
            try:
                self._node.tasks.forget_all()  # other processes may have changed them
                await self.reap()
                interval = self._cleanup_interval
                if interval and clock.monotonic() - cleaned >= interval.total_seconds():
                    cleaned = clock.monotonic()
                    await self.clean_up()
                self._outage.over()
            except Exception as exc:  # noqa: BLE001 - a store may raise what its driver raises
                seconds = self._outage.noted(exc)

    async def reap(self) -> None:
        """End the jobs of workers that are gone.

        After a jump of the store's clock, or a sleep of the machine, leases look expired that are not: our own are
        renewed first, and others are given the time to renew theirs.
        """
        lost, cancelled = await self._keeper.renew(self._node.data_store)
        self._give_up(lost, Verdict.lost)
        self._give_up(cancelled, Verdict.cancelled)
        if not await self._others_need_time():
            await self._node.data_store.reap_jobs()

    async def _others_need_time(self) -> bool:
        """Tell whether the store's clock has jumped so shortly ago that not everybody need have renewed leases."""
        at, now = await self._node.data_store.now(), self._node.clock.monotonic()
        seen, self._seen = self._seen, (at, now)
        if seen is not None:
            jump = (at - seen[0]).total_seconds() - (now - seen[1])
            if jump > self._lease_seconds * JUMP:
                self._patient_until = now + self._lease_seconds * PATIENCE
        return now < self._patient_until

    async def clean_up(self) -> None:
        """Remove results that are no longer kept, and tasks that nobody can use any more."""
        await self._node.data_store.cleanup()
        await self._node.tasks.remove_unused()
