"""One simulated cluster, from a seed: some quiet seconds, foul weather, calm, and the end of all schedules."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from attrs import define, field

from rota import CoalescePolicy, ConflictPolicy, IntervalTrigger, OverlapPolicy
from rota.abc import Trigger
from rota.datastores.memory import MemoryDataStore
from tests.simulation._cluster import (
    LEASE_SECONDS,
    POLLING_SECONDS,
    TASKS,
    Node,
    logger,
    new_node,
)
from tests.simulation._ledger import Ledger
from tests.simulation._machine import MachineClock
from tests.simulation._network import Hub
from tests.simulation._weather import Weather

if TYPE_CHECKING:
    from rota import AsyncScheduler

START = datetime(2025, 3, 1, tzinfo=timezone.utc)
FOUL_SECONDS = 24.0
CALM_SECONDS = 9.0
DRAIN_SECONDS = 120.0
LATENESS_SECONDS = LEASE_SECONDS + POLLING_SECONDS + 0.5


@define(frozen=True)
class Outcome:
    """What came of a seed."""

    seed: int
    violations: tuple[str, ...]
    trace_hash: str
    commits: int
    due_times: dict[str, int]
    outcomes: dict[str, int]
    trace: tuple[str, ...]


class Failing(Trigger):
    """A user's trigger that raises at its third fire time."""

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> datetime:
        """Return two fire times, and then raise."""
        self.count += 1
        if self.count > 2:
            raise LookupError("the calendar is gone")
        return START + timedelta(seconds=2 * self.count)


class Uncopyable(Failing):
    """A user's trigger that at its second fire time can no longer be copied, as a stored one that cannot be read."""

    def copy(self) -> Any:
        """Return a copy, once."""
        if self.count >= 2:
            raise LookupError("this cannot be read")
        return super().copy()


@define(eq=False)
class Simulation:
    """The state of a run; `run` does it."""

    seed: int
    random: Random = field(init=False)
    clock: MachineClock = field(factory=lambda: MachineClock(START))
    inner: MemoryDataStore = field(factory=MemoryDataStore)
    hub: Hub = field(factory=Hub)
    ledger: Ledger = field(init=False)
    nodes: list[Node] = field(factory=list)
    calm_since: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.random = Random(f"{self.seed} workload")
        self.ledger = Ledger(self.inner, self.clock, TASKS, LEASE_SECONDS)

    def run(self) -> Outcome:
        """Simulate, and return what was found."""
        self.clock.run(self._main)
        ledger = self.ledger
        return Outcome(
            self.seed,
            tuple(ledger.violations),
            ledger.trace_hash,
            ledger.commits,
            dict(ledger.schedules.counts),
            dict(ledger.jobs.outcomes()),
            tuple(ledger.trace),
        )

    async def _main(self) -> None:
        with self.clock.autojump():
            await self._set_up()
            try:
                await self._foul_weather()
                await self._calm()
                await self._drain()
            finally:
                await self._clear_away()

    def _new_node(self, name: str) -> Node:
        return new_node(name, self.seed, self.ledger, self.hub, self.clock)

    async def _set_up(self) -> None:
        from contextlib import AsyncExitStack

        await self.inner.start(AsyncExitStack(), self.hub, logger, self.clock)
        for task in TASKS.values():
            await self.inner.add_task(task)
        self.nodes += [
            self._new_node(f"node-{number}") for number in range(self.random.choice((2, 3)))
        ]
        for node in self.nodes:
            node.start()
        await self.clock.sleep(0.5)
        scheduler = self.nodes[0].scheduler
        assert scheduler is not None, "nothing has gone wrong yet"
        for schedule_id in WORKLOAD:
            await self.add(scheduler, schedule_id, ConflictPolicy.exception)
        for number, trigger in enumerate((Failing(), Uncopyable())):
            await scheduler.add_schedule(
                "once", trigger, id=f"bad-{number}", job_result_expiration_time=86_400
            )

    async def add(
        self, scheduler: AsyncScheduler, schedule_id: str, policy: ConflictPolicy
    ) -> None:
        """Add a schedule of the workload, or replace it by one with another interval and the same start."""
        work = WORKLOAD[schedule_id]
        trigger = IntervalTrigger(
            seconds=work.shortest + self.random.randrange(4) / 2,
            start_time=START + timedelta(seconds=1),
            end_time=START + timedelta(seconds=FOUL_SECONDS + CALM_SECONDS - 1),
        )
        await scheduler.add_schedule(
            work.task_id,
            trigger,
            id=schedule_id,
            coalesce=work.coalesce,
            misfire_grace_time=work.grace,
            overlap=work.overlap,
            max_jitter=1.0 if work.coalesce is CoalescePolicy.all else None,
            job_result_expiration_time=86_400,
            conflict_policy=policy,
        )

    async def _foul_weather(self) -> None:
        random = Random(f"{self.seed} weather")
        weather = Weather(random, self.ledger, self.nodes, self._new_node, self.add, list(WORKLOAD))
        await weather.run(FOUL_SECONDS)

    async def _calm(self) -> None:
        self.calm_since = self.clock.monotonic()
        self.ledger.note("calm")
        for schedule_id in WORKLOAD:
            for schedule in await self.inner.get_schedules({schedule_id}):
                if schedule.paused:
                    await self._wake(schedule_id)
        while self.clock.monotonic() < FOUL_SECONDS + CALM_SECONDS and not self.ledger.violations:
            await self._look()

    async def _wake(self, schedule_id: str) -> None:
        from attrs import evolve

        (schedule,) = await self.inner.get_schedules({schedule_id})
        awake = evolve(schedule, paused=False)
        assert await self.inner.update_schedule(awake)
        await self.ledger.committed("operator", "update_schedule", (awake,), True)

    async def _look(self) -> None:
        await self.clock.sleep(0.5)
        self.ledger.schedules.check_lateness(self.calm_since, LATENESS_SECONDS)
        self.ledger.jobs.check_lateness(self.calm_since, LATENESS_SECONDS)
        self._check_bounds()

    async def _drain(self) -> None:
        """Wait until all jobs have ended, and settle the account."""
        end = self.clock.monotonic() + DRAIN_SECONDS
        while self.clock.monotonic() < end and not self.ledger.violations:
            await self._look()
            entries = self.ledger.schedules.entries.values()
            ended = all(e.cursor is None or e.series is None or e.error for e in entries)
            if ended and not self.ledger.jobs.open:
                break
        if self.ledger.violations:
            return
        self.ledger.schedules.check_end()
        self.ledger.jobs.check_end()
        for task in await self.inner.get_tasks():
            if task.running_jobs:
                self.ledger.wrong("I5", f"{task.running_jobs} slots of {task.id} never came back")
        schedules: Any = (
            self.inner._schedules
        )  # one of them cannot be read, so the store does not return it
        for number in range(2):
            if schedules._rows[f"bad-{number}"].error is None:
                self.ledger.wrong("I8", f"bad-{number} was not set aside")

    def _check_bounds(self) -> None:
        schedules: Any = self.inner._schedules
        if len(schedules._due) > 2 * len(schedules._rows) + 64:
            self.ledger.wrong(
                "I10", f"{len(schedules._due)} entries for {len(schedules._rows)} schedules"
            )
        if self.hub.dropped_events:
            self.ledger.wrong("I10", f"{self.hub.dropped_events} events were dropped")
        for node in self.nodes:
            if node.task is not None and node.task.done() and not node.machine.dead:
                self.ledger.wrong("I7", f"{node.name} has ended by itself: {node.task!r}")

    async def _clear_away(self) -> None:
        """End what still runs, the machines that are dead included; nobody looks at what they do."""
        sealed, self.ledger._digest = self.ledger._digest, self.ledger._digest.copy()
        violations, trace = list(self.ledger.violations), list(self.ledger.trace)
        for node in self.nodes:
            node.clear_away()
        tasks = [node.task for node in self.nodes if node.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        self.ledger._digest, self.ledger.violations, self.ledger.trace = sealed, violations, trace


@define(frozen=True)
class Work:
    """A schedule of the workload.

    :param shortest: of its intervals, in seconds
    :param grace: in seconds
    """

    task_id: str
    shortest: float
    coalesce: CoalescePolicy = CoalescePolicy.latest
    grace: float | None = None
    overlap: OverlapPolicy = OverlapPolicy.allow


WORKLOAD = {
    "latest": Work("once", 1.0),
    "earliest": Work("again", 3.0, CoalescePolicy.earliest),
    "all": Work("once", 2.0, CoalescePolicy.all),
    "strict": Work("strict", 1.5, grace=2.0),
    "raises": Work("raises", 4.0),
    "in line": Work("boundless", 1.0, overlap=OverlapPolicy.queue_all),
    "skipping": Work("boundless", 1.0, overlap=OverlapPolicy.skip),
    "newest": Work("boundless", 1.5, overlap=OverlapPolicy.cancel_other),
}


def simulate(seed: int) -> Outcome:
    """Simulate a cluster."""
    return Simulation(seed).run()


__all__ = ["Outcome", "partial", "simulate"]
