"""Moves due schedules from the data store through the firing decision and back, in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import lowlevel

from rota.model import EventsMissed, ScheduleAdded, ScheduleUpdated
from rota.schedulers._alarm import Alarm
from rota.schedulers._firing import firings
from rota.schedulers._overlaps import Overlaps
from rota.schedulers._schedule_log import ScheduleLog
from rota.schedulers._wakeup import WakeUp

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    from rota.model import Schedule, ScheduleResult
    from rota.schedulers._claim import Verdict
    from rota.schedulers._node import Node

__all__ = ["ScheduleLoop"]

SCHEDULES_PER_PASS = 500
FIRE_TIMES_PER_PASS = 1_000  #: of one schedule under CoalescePolicy.all
FRUITLESS_PAUSE_SECONDS = 0.01
LONGEST_FRUITLESS_PAUSE_SECONDS = 1.0


class ScheduleLoop:
    """Claims due schedules, decides, and releases them together with the jobs that they give.

    :param give_up: cancels jobs that this scheduler runs itself
    """

    def __init__(self, node: Node, give_up: Callable[[Collection[UUID], Verdict], object]) -> None:
        self._node = node
        self._store = node.data_store
        self._log = ScheduleLog(node.logger)
        self._polling_seconds = node.polling_interval.total_seconds()
        self._outage = node.outage("processing schedules")
        self._alarm = Alarm(node.clock)
        self._wakeup = WakeUp(
            node.event_broker, (ScheduleAdded, ScheduleUpdated, EventsMissed), self._alarm.ring
        )
        self._overlaps = Overlaps(node, give_up)
        self._fruitless = 0
        self._closing = False

    async def run(self) -> None:
        """Process schedules until `close` is called."""
        look = True
        while not self._closing:
            try:
                if look and await self._process():
                    continue
                seconds, look, reason = await self._how_long()
                if seconds > 0:
                    self._log.idle(seconds, reason)
                    await self._alarm.sleep(seconds)
                self._outage.over()
            except Exception as exc:  # noqa: BLE001 - a store may raise what its driver raises
                await self._outage.wait(exc)

    def close(self) -> None:
        """Have `run` return after the schedules that it processes now."""
        self._closing = True
        self._alarm.ring()
        self._wakeup.disarm()

    async def _process(self) -> bool:
        """Process one group of due schedules; tell whether there may be more."""
        acquired = await self._store.acquire_schedules(
            self._node.id, self._node.lease_duration, SCHEDULES_PER_PASS
        )
        if not acquired.items:
            return False
        self._fruitless = 0
        self._log.claimed(len(acquired.items), acquired.at)
        results = self._decide(acquired.items, acquired.at)
        results, skipped = await self._overlaps.settle(acquired.items, results)
        refused = await self._store.release_schedules(self._node.id, results)
        if refused:
            self._log.refused(refused)
        await self._overlaps.tell(skipped, refused, acquired.at)
        await lowlevel.checkpoint()
        return len(acquired.items) == SCHEDULES_PER_PASS

    async def _how_long(self) -> tuple[float, bool, str]:
        """Return for how many seconds nothing is to be done, whether something may be due then, and why so long."""
        self._wakeup.arm()  # before asking, so that nothing is missed in between
        delay = await self._store.time_to_next_schedule()
        if delay is None:
            return self._polling_seconds, False, "nothing is scheduled"
        seconds = delay.total_seconds()
        if seconds > self._polling_seconds:
            reason = f"polling interval; the next one is due in {delay}"
            return self._polling_seconds, False, reason
        if seconds > 0:
            return seconds, True, "then the next one is due"
        self._fruitless += 1
        if self._fruitless == 1:
            return 0, True, "one has become due just now"
        pause = FRUITLESS_PAUSE_SECONDS * 2 ** min(self._fruitless, 30)
        return min(pause, LONGEST_FRUITLESS_PAUSE_SECONDS), True, "what is due cannot be claimed"

    def _decide(self, schedules: Sequence[Schedule], now: datetime) -> list[ScheduleResult]:
        random, new_id = self._node.random, self._node.new_id
        counts = self._log.count_due(schedules, now)
        results = firings(schedules, now, random, new_id, FIRE_TIMES_PER_PASS)
        for schedule, due, result in zip(schedules, counts, results, strict=True):
            self._log.decided(schedule, result, due)
        return results
