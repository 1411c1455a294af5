"""Moves due schedules from the data store through the firing decision and back, in groups."""

from __future__ import annotations

from collections import deque
from datetime import timedelta, timezone
from itertools import groupby
from typing import TYPE_CHECKING

from anyio import lowlevel
from attrs import define, evolve

from rota.model import EventsMissed, ScheduleAdded, ScheduleUpdated, SerializationError
from rota.schedulers._agenda import Agenda, Decision
from rota.schedulers._alarm import Alarm
from rota.schedulers._firing import describe, firings, unchanged
from rota.schedulers._overlaps import Overlaps
from rota.schedulers._schedule_log import ScheduleLog
from rota.schedulers._wakeup import WakeUp

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from rota.abc import Acquired
    from rota.model import Schedule, ScheduleResult
    from rota.schedulers._claim import Verdict
    from rota.schedulers._node import Node
    from rota.schedulers._overlaps import Settled

__all__ = ["ScheduleLoop"]

SCHEDULES_PER_PASS = 200  #: more take longer each, as the garbage collector then meets them
SCHEDULES_HELD = 5_000
FIRE_TIMES_PER_PASS = 1_000  #: of one schedule under CoalescePolicy.all
AHEAD = timedelta(milliseconds=300)
AHEADS_PER_LEASE = 20  #: at least
FRUITLESS_PAUSE_SECONDS = 0.01
LONGEST_FRUITLESS_PAUSE_SECONDS = 1.0
HANDING_BACK_SECONDS = 2.0
FOLLOW_UPS = 10  #: how often what follows from a decision is tried


@define
class FollowUp:
    """What follows from accepted decisions, and how often that has failed."""

    settled: Settled
    refused: set[str]
    failures: int = 0


class ScheduleLoop:
    """Claims schedules shortly before they are due, decides, and releases them when they are, with the jobs they give.

    So half of the work is done when a crowd of schedules falls due in the same instant. What is done to a schedule
    in between counts: pausing, changing or removing it ends the claim, and the decision is refused.

    :param give_up: cancels jobs that this scheduler runs itself
    """

    def __init__(self, node: Node, give_up: Callable[[Collection[UUID], Verdict], object]) -> None:
        self._node = node
        self._store = node.data_store
        self._clock = node.clock
        self._log = ScheduleLog(node.logger)
        self._ahead = min(AHEAD, node.lease_duration / AHEADS_PER_LEASE)
        self._polling_seconds = node.polling_interval.total_seconds()
        self._outage = node.outage("processing schedules")
        self._alarm = Alarm(node.clock)
        self._ended = Alarm(node.clock)
        self._has_ended = False
        self._wakeup = WakeUp(
            node.event_broker, (ScheduleAdded, ScheduleUpdated, EventsMissed), self._alarm.ring
        )
        self._overlaps = Overlaps(node, give_up)
        self._agenda = Agenda()
        self._followed_up_later: deque[FollowUp] = deque()
        self._look = True  # there may be something to claim
        self._fruitless = 0
        self._closing = False

    async def run(self) -> None:
        """Process schedules until `close` is called."""
        while not self._closing:
            try:
                if await self._fire() or (self._look and await self._claim()):
                    continue
                await self._wait()
            except Exception as exc:  # noqa: BLE001 - a store may raise what its driver raises
                self._look = True
                self._wakeup.disarm()
                await self._alarm.sleep(self._outage.noted(exc))  # until `close` at the latest
        await self._hand_back()
        self._has_ended = True
        self._ended.ring()

    def close(self) -> None:
        """Have `run` return after what it does now."""
        self._closing = True
        self._alarm.ring()
        self._wakeup.disarm()

    async def closed(self) -> None:
        """Wait, after `close`, until no schedules are held, for some seconds at most."""
        end = self._clock.monotonic() + HANDING_BACK_SECONDS
        while not self._has_ended and (left := end - self._clock.monotonic()) > 0:
            await self._ended.sleep(left)

    # claiming

    async def _claim(self) -> bool:
        """Claim schedules and decide what they lead to; tell whether there may be more."""
        limit = min(SCHEDULES_PER_PASS, SCHEDULES_HELD - len(self._agenda))
        if limit <= 0:
            return False
        self._wakeup.arm()  # before asking, so that nothing is missed in between
        acquired = await self._store.acquire_schedules(
            self._node.id, self._node.lease_duration, limit, self._ahead
        )
        self._outage.over()
        if acquired.items:
            self._fruitless = 0
            self._log.claimed(len(acquired.items), acquired.at)
            self._agenda.add(self._decide(acquired, self._clock.monotonic()))
        return len(acquired.items) == limit

    def _decide(self, acquired: Acquired[Schedule], received: float) -> Iterator[Decision]:
        """Decide about claimed schedules as of when they are due, or as of now if that has passed.

        A trigger that has a state may read the clock, or whatever else, so it is asked when its schedule is due.
        """
        now = acquired.at

        def moment(schedule: Schedule) -> datetime:
            due = schedule.next_fire_time
            return now if due is None or due <= now else due.astimezone(timezone.utc)

        for at, group in groupby(acquired.items, moment):
            # The store said what time it is before that was received, so this is not too early.
            due_at = received + (at - now).total_seconds()
            schedules = list(group)
            if at > now:
                later = [schedule for schedule in schedules if schedule.trigger.stateful]
                yield from (Decision(due_at, schedule, at, 0, None) for schedule in later)
                schedules = [schedule for schedule in schedules if not schedule.trigger.stateful]
            yield from self._decided(schedules, at, due_at)

    def _decided(
        self, schedules: Sequence[Schedule], moment: datetime, at: float
    ) -> Iterator[Decision]:
        """Work out what schedules lead to at a moment."""
        random, new_id = self._node.random, self._node.new_id
        counts = self._log.count_due(schedules, moment)
        results = firings(schedules, moment, random, new_id, FIRE_TIMES_PER_PASS)
        for schedule, due, result in zip(schedules, counts, results, strict=True):
            yield Decision(at, schedule, moment, due, result)

    # firing

    async def _fire(self) -> bool:
        """Carry out one group of decisions that are due; tell whether there were any."""
        now = self._clock.monotonic()
        decisions = self._agenda.pop_due(now, SCHEDULES_PER_PASS)
        if not decisions:
            await self._follow_up()
            return False
        self._wakeup.disarm()  # this is no news
        self._look = self._agenda.next_at is None or self._agenda.next_at > now
        decisions = [self._at_last(each) if each.result is None else each for each in decisions]
        try:
            settled, refused = await self._carry_out(decisions)
        except BaseException:
            self._agenda.add(decisions)
            raise
        self._followed_up_later.append(FollowUp(settled, refused))
        await self._follow_up()
        await lowlevel.checkpoint()
        return True

    async def _follow_up(self) -> None:
        """Do what follows from decisions that the store has accepted; if that fails, again, within bounds."""
        while self._followed_up_later:
            first = self._followed_up_later[0]
            try:
                await self._overlaps.follow_up(first.settled, first.refused)
            except Exception:
                first.failures += 1
                if first.failures >= FOLLOW_UPS:
                    self._followed_up_later.popleft()
                raise
            self._followed_up_later.popleft()

    def _at_last(self, open_: Decision) -> Decision:
        """Return a decision with its result."""
        (decision,) = self._decided([open_.schedule], open_.moment, open_.at)
        return decision

    async def _carry_out(self, decisions: Sequence[Decision]) -> tuple[Settled, set[str]]:
        """Release schedules as was decided; return that as far as their policies allow, and which were refused."""
        results = []
        for decision in decisions:
            assert decision.result is not None, "it is due"
            self._log.decided(decision.schedule, decision.result, decision.due)
            results.append(decision.result)
        schedules = [decision.schedule for decision in decisions]
        settled = await self._overlaps.settle(schedules, results)
        refused = await self._release(settled.results)
        self._outage.over()
        if refused:
            self._log.refused(refused)
        return settled, refused

    async def _release(self, results: Sequence[ScheduleResult]) -> set[str]:
        """Release schedules with their jobs, and set those aside whose jobs cannot be stored."""
        try:
            return await self._store.release_schedules(self._node.id, results)
        except SerializationError as exc:
            if len(results) > 1:
                return {id_ for result in results for id_ in await self._release([result])}
            error = f"its job cannot be stored: {describe(exc)}"
            tokens = {result.schedule_id: result.token for result in results}
            aside = []
            for schedule, unmoved in await self._unmoved(tokens):
                aside.append(evolve(unmoved, error=error))
                self._log.decided(schedule, aside[-1], 0)
            return await self._store.release_schedules(self._node.id, aside)

    async def _hand_back(self) -> None:
        """Let others have what is not due yet."""
        held = {decision.schedule.id: decision.schedule.token for decision in self._agenda}
        try:
            if held:
                results = [unmoved for _, unmoved in await self._unmoved(held)]
                await self._store.release_schedules(self._node.id, results)
        except Exception as exc:  # noqa: BLE001 - a store may raise what its driver raises
            self._log.not_handed_back(held, exc)

    async def _unmoved(self, tokens: Mapping[str, int]) -> list[tuple[Schedule, ScheduleResult]]:
        """Return claimed schedules as they are stored, each with the decision that leaves it so.

        The triggers that were claimed have moved; those in the store have not.
        """
        stored = await self._store.get_schedules(set(tokens))
        return [(each, evolve(unchanged(each), token=tokens[each.id])) for each in stored]

    # waiting

    async def _wait(self) -> None:
        """Sleep until there is something to do."""
        next_at = self._agenda.next_at
        if next_at is not None:
            seconds = next_at - self._clock.monotonic()
            self._look = seconds > 0 and await self._alarm.sleep(seconds)
            return
        seconds, self._look, reason = await self._how_long()
        if seconds > 0:
            self._log.idle(seconds, reason)
            await self._alarm.sleep(seconds)

    async def _how_long(self) -> tuple[float, bool, str]:
        """Return for how many seconds nothing is to be done, whether something can be claimed then, and why so long."""
        self._wakeup.arm()
        delay = await self._store.time_to_next_schedule()
        self._outage.over()
        if delay is None:
            return self._polling_seconds, False, "nothing is scheduled"
        seconds = (delay - self._ahead).total_seconds()
        if seconds > self._polling_seconds:
            reason = f"polling interval; the next one is due in {delay}"
            return self._polling_seconds, False, reason
        if seconds > 0:
            return seconds, True, f"the next one, due in {delay}, is prepared shortly before"
        self._fruitless += 1
        if self._fruitless == 1:
            return 0, True, "one can be claimed just now"
        pause = FRUITLESS_PAUSE_SECONDS * 2 ** min(self._fruitless, 30)
        due_in = delay.total_seconds()
        longest = due_in if due_in > 0 else LONGEST_FRUITLESS_PAUSE_SECONDS
        return min(pause, longest), True, "what is due cannot be claimed"
