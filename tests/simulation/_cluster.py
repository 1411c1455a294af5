"""The nodes of a simulated cluster: a real scheduler each, on a machine of its own."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import define, field

from rota import AbandonedPolicy, AsyncScheduler, Task
from rota.abc import JobExecutor
from tests.simulation._machine import Machine
from tests.simulation._network import Hub, Link, Listener, NodeBroker, StoreDown
from tests.simulation._store import RemoteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from rota.abc import Clock
    from rota.model import Job
    from tests.simulation._ledger import Ledger
    from tests.simulation._machine import MachineClock

LEASE_SECONDS = 3.0
POLLING_SECONDS = 2.0
MAX_CONCURRENT_JOBS = 12
STEP_SECONDS = 0.4

logger = logging.getLogger("rota.simulation")
logger.propagate = False
logger.setLevel(logging.CRITICAL + 1)

#: "again" is run at least once and longer than a lease; the others at most once.
TASKS = {
    task.id: task
    for task in (
        Task(id="once", job_executor="async", max_running_jobs=3),
        Task(
            id="again",
            job_executor="async",
            max_running_jobs=3,
            abandoned=AbandonedPolicy.run_again,
        ),
        Task(id="strict", job_executor="async", max_running_jobs=1),
        Task(id="raises", job_executor="async", max_running_jobs=2),
        Task(id="boundless", job_executor="async", max_running_jobs=None),
    )
}
LONGEST_JOB_SECONDS = {
    "once": 2.5,
    "again": 2.5 * LEASE_SECONDS,
    "strict": 2.0,
    "raises": 0.5,
    "boundless": 2.5,
}


def nothing() -> None:
    """Stand for the callable of every task; the executor does the work."""


@define(eq=False)
class Work(JobExecutor):
    """Pretends to work, step by step, and tells the ledger of each."""

    seed: int
    ledger: Ledger
    machine: Machine
    clock: Clock

    async def run_job(self, func: Callable[..., Any], job: Job) -> Any:
        """Take a time that depends on nothing but the job."""
        del func
        random = Random(f"{self.seed} {job.id} {job.attempt}")
        left = random.uniform(0, LONGEST_JOB_SECONDS[job.task_id])
        self._tell("start", job)
        while left > 0:
            await self.clock.sleep(min(left, STEP_SECONDS))
            left -= STEP_SECONDS
            self._tell("step" if left > 0 else "finish", job)
        if job.task_id == "raises":
            raise ValueError("this is what it does")

    def _tell(self, what: str, job: Job) -> None:
        if not self.machine.dead:
            self.ledger.executed(what, job, self.machine)


class Ids:
    """Makes ids that are the same in each run."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def __call__(self) -> UUID:
        """Make one."""
        return UUID(int=self._random.getrandbits(128), version=4)


@define(eq=False)
class Node:
    """A scheduler on a machine, from its start to its stop or its death."""

    name: str
    seed: int
    ledger: Ledger
    hub: Hub
    clock: Clock
    link: Link = field(init=False)
    machine: Machine = field(init=False)
    scheduler: AsyncScheduler | None = None
    stop: asyncio.Event = field(factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def __attrs_post_init__(self) -> None:
        self.machine = Machine(self.name)
        self.link = Link(self._random("link"), LEASE_SECONDS)

    def _random(self, purpose: str) -> Random:
        return Random(f"{self.seed} {self.name} {purpose}")

    @property
    def is_running(self) -> bool:
        """Whether it can be asked for something."""
        return self.scheduler is not None and not self.machine.frozen and not self.machine.dead

    def start(self) -> None:
        """Boot the machine."""
        context = self.machine.context()
        broker = NodeBroker()
        alive = lambda: not self.machine.dead  # noqa: E731 - it is one expression
        self.hub.listeners.append(Listener(broker, self.link, context, alive))
        loop = asyncio.get_running_loop()
        self.task = context.run(loop.create_task, self._serve(broker))

    async def _serve(self, broker: NodeBroker) -> None:
        store: Any = RemoteStore(self.ledger.inner, self.ledger, self.link, self.clock, self.name)
        scheduler = AsyncScheduler(
            store,
            broker,
            identity=self.name,
            max_concurrent_jobs=MAX_CONCURRENT_JOBS,
            job_executors={"async": Work(self.seed, self.ledger, self.machine, self.clock)},
            cleanup_interval=timedelta(seconds=9),
            lease_duration=timedelta(seconds=LEASE_SECONDS),
            polling_interval=timedelta(seconds=POLLING_SECONDS),
            shutdown_timeout=timedelta(seconds=2),
            logger=logger,
            clock=self.clock,
            random=self._random("scheduler"),
            new_id=Ids(self._random("ids")),
        )
        async with scheduler:
            for task_id in TASKS:
                await self._introduce(scheduler, task_id)
            await scheduler.start_in_background()
            self.scheduler = scheduler
            await self.stop.wait()

    async def _introduce(self, scheduler: AsyncScheduler, task_id: str) -> None:
        while not self.stop.is_set():
            try:
                await scheduler.configure_task(task_id, func=nothing)
            except StoreDown:
                await self.clock.sleep(0.3)
            else:
                return

    def kill(self) -> None:
        """Have the machine do nothing more: its tasks are left where they are."""
        self.machine.dead = True
        self.machine.freeze()
        self.ledger.note(self.name, "is killed")

    def clear_away(self) -> None:
        """After the simulation: end the tasks of a machine, dead or alive."""
        self.link.cut = False
        if self.machine.frozen:
            self.machine.thaw()
        self.stop.set()


def new_node(name: str, seed: int, ledger: Ledger, hub: Hub, clock: MachineClock) -> Node:
    """Set up a machine whose wall clock is wrong by up to five minutes."""
    offset = Random(f"{seed} {name} skew").uniform(-300, 300)
    return Node(name, seed, ledger, hub, clock.skewed(timedelta(seconds=offset)))
