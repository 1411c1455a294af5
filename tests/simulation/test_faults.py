"""The faults of the simulation are what they are called: tried one at a time, on a store and a hub by themselves."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from logging import getLogger
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest

from rota import JobAdded, MemoryDataStore, TaskAdded, TaskLookupError
from rota.eventbrokers.local import LocalEventBroker
from rota.testing._datastore._fixtures import HOUR, make_job, make_task
from rota.testing._eventbroker import added
from rota.testing.fixtures import virtual_clock as virtual_clock
from tests.simulation._machine import Machine, MachineClock
from tests.simulation._network import CALM, Hub, Link, Listener, NodeBroker, Rates, StoreDown
from tests.simulation._store import RemoteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rota.model import Event
    from rota.testing import VirtualClock
    from tests.simulation._ledger import Ledger

pytestmark = [pytest.mark.anyio, pytest.mark.once]

TASK = make_task()


@pytest.fixture
def anyio_backend(virtual_clock: VirtualClock) -> tuple[str, dict[str, Any]]:
    return "asyncio", virtual_clock.backend_options("asyncio")


class Commits:
    """What a ledger is told of."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.refused: list[str] = []

    async def committed(self, _node: str, name: str, _args: object, _answer: object) -> None:
        self.names.append(name)

    def note(self, _node: str, name: str, error: str) -> None:
        self.refused.append(f"{name} {error}")


class Bench:
    """A store behind a link, what is committed in it, and the store itself."""

    def __init__(self, inner: MemoryDataStore, clock: VirtualClock) -> None:
        self.clock = clock
        self.inner = inner
        self.commits = Commits()
        self.link = Link(Random(1), longest_delay=10)
        self.store: Any = RemoteStore(inner, cast("Ledger", self.commits), self.link, clock, "node")

    async def call(self, name: str, *args: Any) -> Any:
        """Return what a call returns or raises within a minute."""
        calling = asyncio.create_task(getattr(self.store, name)(*args))
        await self.clock.advance(timedelta(minutes=1))
        return calling.result()


@pytest.fixture
async def bench(virtual_clock: VirtualClock) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as exit_stack:
        broker, inner = LocalEventBroker(), MemoryDataStore()
        await broker.start(exit_stack, getLogger("rota"), virtual_clock)
        await inner.start(exit_stack, broker, getLogger("rota"), virtual_clock)
        yield Bench(inner, virtual_clock)


async def tasks_of(bench: Bench) -> list[str]:
    return [task.id for task in await bench.inner.get_tasks()]


async def test_answered_call_is_committed_and_booked(bench: Bench) -> None:
    await bench.call("add_task", TASK)
    assert (await bench.call("get_task", TASK.id)).id == TASK.id
    assert bench.commits.names == ["add_task", "get_task"]


async def test_error_of_the_store_comes_through_and_is_booked(bench: Bench) -> None:
    with pytest.raises(TaskLookupError):
        await bench.call("get_task", "unknown")
    assert (bench.commits.names, bench.commits.refused) == ([], ["get_task TaskLookupError"])


async def test_lost_call_fails_before_it_is_done(bench: Bench) -> None:
    bench.link.rates = Rates(lost=1)
    with pytest.raises(StoreDown):
        await bench.call("add_task", TASK)
    assert (await tasks_of(bench), bench.commits.names) == ([], [])


async def test_ambiguous_call_fails_after_it_is_done(bench: Bench) -> None:
    bench.link.rates = Rates(ambiguous=1)
    with pytest.raises(StoreDown):
        await bench.call("add_task", TASK)
    assert (await tasks_of(bench), bench.commits.names) == ([TASK.id], ["add_task"])


@pytest.mark.parametrize("cut", [True, False])
async def test_hung_call_waits_for_the_reset_of_the_connection_and_is_not_done(
    bench: Bench, virtual_clock: VirtualClock, cut: bool
) -> None:
    bench.link.cut = cut
    bench.link.rates = CALM if cut else Rates(hung=1)
    calling = asyncio.create_task(bench.store.add_task(TASK))
    await virtual_clock.advance(HOUR)
    assert not calling.done()
    bench.link.reset_connections()
    with pytest.raises(StoreDown):
        await calling
    assert (await tasks_of(bench), bench.commits.names) == ([], [])


async def test_stale_read_answers_what_was_true_before(bench: Bench) -> None:
    await bench.call("add_task", TASK)
    before = await bench.call("get_task", TASK.id)
    await bench.inner.add_task(make_task(max_running_jobs=7))
    bench.link.rates = Rates(stale=1)
    assert await bench.call("get_task", TASK.id) == before
    bench.link.rates = CALM
    assert (await bench.call("get_task", TASK.id)).max_running_jobs == 7


async def test_what_writes_is_never_stale(bench: Bench) -> None:
    bench.link.rates = Rates(stale=1)
    await bench.call("add_task", TASK)
    await bench.call("add_jobs", [make_job(task_id=TASK.id)])
    await bench.call("add_jobs", [make_job(task_id=TASK.id)])
    assert len(await bench.inner.get_jobs()) == 2


async def test_slow_call_takes_its_time(bench: Bench, virtual_clock: VirtualClock) -> None:
    async def take_time() -> float:
        begin = virtual_clock.monotonic()
        for _ in range(20):
            await bench.store.now()
        return virtual_clock.monotonic() - begin

    async def duration() -> float:
        taking = asyncio.create_task(take_time())
        await virtual_clock.advance(HOUR)
        return taking.result()

    fast = await duration()
    bench.link.rates = Rates(slow=1)
    assert fast <= 20 * 2 * 0.005 < 20 < await duration() <= 20 * 2 * 10.005


class Hearing:
    """A node that hears of events, and notes them with when it does."""

    def __init__(self, exit_stack: AsyncExitStack, clock: VirtualClock) -> None:
        self.broker = NodeBroker()
        self.link = Link(Random(1), longest_delay=10)
        self.machine = Machine("node")
        self.alive = True
        self.events: list[Event] = []
        self._exit_stack, self._clock = exit_stack, clock

    async def listen(self) -> Listener:
        await self.broker.start(self._exit_stack, getLogger("rota"), self._clock)
        self.broker.subscribe(self.events.append, {TaskAdded}, is_async=True)
        return Listener(self.broker, self.link, self.machine.context(), lambda: self.alive)


EVENTS: list[Event] = [added(str(number)) for number in range(20)]


async def heard_of(clock: VirtualClock, **state: Any) -> list[Event]:
    """Return what a node hears of twenty events, an hour after they were published."""
    async with AsyncExitStack() as exit_stack:
        node = Hearing(exit_stack, clock)
        for name, value in state.items():
            setattr(node if name == "alive" else node.link, name, value)
        hub = Hub([await node.listen()])
        await hub.publish(*EVENTS)
        assert node.events == []
        await clock.advance(HOUR)
        return node.events


async def test_events_arrive_once_each_and_later(virtual_clock: VirtualClock) -> None:
    heard = await heard_of(virtual_clock)
    assert sorted(heard, key=EVENTS.index) == EVENTS


async def test_events_arrive_in_another_order(virtual_clock: VirtualClock) -> None:
    heard = await heard_of(virtual_clock, rates=Rates(slow=0.5))
    assert heard != EVENTS
    assert sorted(heard, key=EVENTS.index) == EVENTS


async def test_events_are_dropped(virtual_clock: VirtualClock) -> None:
    assert await heard_of(virtual_clock, rates=Rates(dropped=1)) == []
    assert 0 < len(await heard_of(virtual_clock, rates=Rates(dropped=0.5))) < len(EVENTS)


async def test_events_are_duplicated(virtual_clock: VirtualClock) -> None:
    heard = await heard_of(virtual_clock, rates=Rates(duplicated=1))
    assert sorted(heard, key=EVENTS.index) == [event for event in EVENTS for _ in range(2)]


@pytest.mark.parametrize("state", [{"cut": True}, {"refuses": True}, {"alive": False}])
async def test_node_that_is_cut_off_or_dead_hears_of_nothing(
    virtual_clock: VirtualClock, state: dict[str, bool]
) -> None:
    assert await heard_of(virtual_clock, **state) == []


async def test_events_that_nobody_wants_are_not_sent(virtual_clock: VirtualClock) -> None:
    async with AsyncExitStack() as exit_stack:
        hub = Hub([await Hearing(exit_stack, virtual_clock).listen()])
        assert (hub.wants(TaskAdded), hub.wants(JobAdded)) == (True, False)


def test_frozen_machine_does_nothing_until_it_goes_on() -> None:
    clock, steps, others = MachineClock(), list[float](), list[float]()

    async def step(into: list[float]) -> None:
        while True:
            await clock.sleep(1)
            into.append(clock.monotonic())

    async def main() -> None:
        machine, loop = Machine("node"), asyncio.get_running_loop()
        tasks = [
            machine.context().run(loop.create_task, step(steps)),
            asyncio.create_task(step(others)),
        ]
        await clock.advance(timedelta(seconds=3.5))
        machine.freeze()
        await clock.advance(timedelta(seconds=10))
        assert (len(steps), len(others)) == (3, 13)
        machine.thaw()
        await clock.advance(timedelta(seconds=1))
        for task in tasks:
            task.cancel()

    clock.run(main)
    assert steps == pytest.approx([1, 2, 3, 13.5, 14.5])
