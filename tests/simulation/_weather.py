"""What happens to the cluster and what its operators do, drawn from the seed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from rota import ConflictPolicy, RotaError
from tests.simulation._cluster import LEASE_SECONDS, Node, new_node
from tests.simulation._network import CALM, Rates, StoreDown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from random import Random

    from rota import AsyncScheduler
    from rota.abc import Trigger
    from tests.simulation._ledger import Ledger

_KINDS = "freeze cut kill restart pause resume skip replace restore jump job cancel".split()
_WEIGHTS = (5, 4, 3, 1, 3, 3, 2, 2, 2, 1, 4, 3)


@define(eq=False)
class Weather:
    """Strikes one thing after the other until faults are to stop.

    :param nodes: all that ever were, those that are dead too
    :param add: adds a schedule of the workload again, with another interval
    """

    random: Random
    ledger: Ledger
    nodes: list[Node]
    restarted: Callable[[str], Node]
    add: Callable[[AsyncScheduler, str, ConflictPolicy], Awaitable[Any]]
    schedule_ids: list[str]
    requests: set[asyncio.Task[None]] = field(factory=set)

    async def run(self, until: float) -> None:
        """Let it strike, then clear up."""
        clock = self.ledger.clock
        for node in self.nodes:
            node.link.rates = Rates.drawn(self.random)
        while True:
            await clock.sleep(self.random.expovariate(0.9))
            if clock.monotonic() >= until or self.ledger.violations:
                break
            kind = self.random.choices(_KINDS, _WEIGHTS)[0]
            living = [node for node in self.nodes if not node.machine.dead]
            strike = getattr(self, f"_{kind}")
            await strike(self.random.choice(living))
        for request in self.requests:
            request.cancel()
        for node in self.nodes:
            self._calm(node)

    def _calm(self, node: Node) -> None:
        node.link.rates, node.link.cut, node.link.refuses = CALM, False, False
        node.link.reset_connections()
        if node.machine.frozen and not node.machine.dead:
            node.machine.thaw()

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, action)

    # faults

    async def _freeze(self, node: Node) -> None:
        if node.machine.frozen:
            return
        self.ledger.note(node.name, "is frozen")
        node.machine.freeze()
        self._later(self.random.uniform(0, 2.5 * LEASE_SECONDS), partial(self._thaw, node))

    def _thaw(self, node: Node) -> None:
        if node.machine.frozen and not node.machine.dead:
            self.ledger.note(node.name, "goes on")
            node.machine.thaw()

    async def _cut(self, node: Node) -> None:
        self.ledger.note(node.name, "is cut off")
        if self.random.random() < 0.5:
            node.link.cut = True
        else:
            node.link.refuses = True
        self._later(self.random.uniform(0, 3 * LEASE_SECONDS), partial(self._mend, node))

    def _mend(self, node: Node) -> None:
        node.link.cut = node.link.refuses = False
        node.link.reset_connections()

    async def _kill(self, node: Node) -> None:
        if sum(not other.machine.dead for other in self.nodes) == 1:
            return
        node.kill()
        self._later(self.random.uniform(0, 2 * LEASE_SECONDS), partial(self._replace_node, node))

    def _replace_node(self, node: Node) -> None:
        fresh = self.restarted(f"{node.name}'")
        fresh.link.rates = node.link.rates
        self.nodes.append(fresh)
        fresh.start()

    async def _restart(self, node: Node) -> None:
        if node.is_running and node.scheduler is not None:
            self.ledger.note(node.name, "restarts")
            self._ask(node, self._stop_and_start)

    async def _stop_and_start(self, scheduler: AsyncScheduler) -> None:
        await scheduler.stop()
        await scheduler.wait_until_stopped()
        await scheduler.start_in_background()

    async def _jump(self, node: Node) -> None:
        clock: Any = node.clock
        clock.set_wall(clock.now() + timedelta(seconds=self.random.uniform(-3600, 3600)))

    # operators

    def _ask(
        self, node: Node, request: Callable[[AsyncScheduler], Coroutine[Any, Any, None]]
    ) -> None:
        """Have a node do what an operator asks for, as if that were done on its machine."""
        if not node.is_running or node.scheduler is None:
            return
        loop = asyncio.get_running_loop()
        doing = self._attempt(request(node.scheduler))
        task = node.machine.context().run(loop.create_task, doing)
        self.requests.add(task)
        task.add_done_callback(self.requests.discard)

    async def _attempt(self, request: Coroutine[Any, Any, None]) -> None:
        try:
            await request
        except (StoreDown, RotaError, RuntimeError):
            return  # whoever asked learns that it failed, and what was committed the ledger knows

    def _schedule(self) -> str:
        return self.random.choice(self.schedule_ids)

    async def _pause(self, node: Node) -> None:
        schedule_id = self._schedule()
        self._ask(node, lambda scheduler: scheduler.pause_schedule(schedule_id))

    async def _resume(self, node: Node) -> None:
        schedule_id = self._schedule()
        self._ask(node, lambda scheduler: scheduler.unpause_schedule(schedule_id))

    async def _skip(self, node: Node) -> None:
        schedule_id = self._schedule()
        if schedule_id in self.ledger.schedules.entries:
            self.ledger.schedules.entries[schedule_id].skips = True
        self._ask(
            node, lambda scheduler: scheduler.unpause_schedule(schedule_id, resume_from="now")
        )

    async def _replace(self, node: Node) -> None:
        schedule_id = self._schedule()

        async def replace(scheduler: AsyncScheduler) -> None:
            await self.add(scheduler, schedule_id, ConflictPolicy.replace)

        self._ask(node, replace)

    async def _job(self, node: Node) -> None:
        task_id = self.random.choice(("once", "again"))

        async def add(scheduler: AsyncScheduler) -> None:
            await scheduler.add_job(task_id, result_expiration_time=timedelta(days=1))

        self._ask(node, add)

    async def _cancel(self, node: Node) -> None:
        if self.ledger.jobs.open:
            job_id = self.random.choice(list(self.ledger.jobs.open))

            async def cancel(scheduler: AsyncScheduler) -> None:
                await scheduler.cancel_job(job_id)

            self._ask(node, cancel)

    async def _restore(self, node: Node) -> None:
        """Put a row back to before its last advance, as restoring a backup does."""
        store = self.ledger.inner
        for schedule in await store.get_schedules({self._schedule()}):
            last, entry = schedule.last_fire_time, self.ledger.schedules.entries[schedule.id]
            if last is None or schedule.next_fire_time is None or entry.series is None:
                return
            if (
                schedule.id == "all"
            ):  # replaced afterwards, it would rightly catch up with all that the backup forgot
                return
            trigger: Trigger = schedule.trigger.at(None)
            while (moment := trigger.next()) is not None and moment < last:
                pass
            older = evolve(
                schedule,
                trigger=trigger,
                next_fire_time=moment,  # which is the last one, unless that was of another trigger
                last_fire_time=None,
            )
            if await store.update_schedule(older):
                skips, entry.skips = entry.skips, True
                await self.ledger.committed("operator", "update_schedule", (older,), True)
                entry.skips = skips
                self.ledger.schedules.restored(schedule.id)


__all__ = ["Weather", "new_node"]
