"""Schedulers that share a data store and a broker on a server: what one does wakes the other."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import define, field

from rota import AsyncScheduler, DateTrigger, SchedulerRole
from rota._environment import SystemClock
from rota.abc import EventBroker
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from tests._private_servers import PrivateServer
from tests._proxy import Proxy
from tests.eventbrokers.servers._kinds import KINDS, Kind

pytestmark = [pytest.mark.anyio, pytest.mark.once]

#: longer than any test: what starts sooner was told of
NEVER = timedelta(minutes=10)
TIMEOUT_SECONDS = 30

started: list[int] = []


async def note(number: int) -> None:
    started.append(number)


async def until(condition: Any, seconds: float = TIMEOUT_SECONDS) -> None:
    """Wait for something that happens in a server, or between it and us."""
    with anyio.fail_after(seconds):
        while not condition():
            await SystemClock().sleep(0.01)


def problems(scheduler: AsyncScheduler) -> list[str]:
    return list(scheduler.health.problems)


@define
class Cluster:
    """A node that only adds jobs and schedules, and one that runs them, on one SQLite file."""

    kind: Kind
    url: str
    path: Path
    exit_stack: AsyncExitStack
    brokers: list[EventBroker] = field(factory=list)

    async def node(
        self, *, url: str = "", runs: bool, polling: timedelta = NEVER
    ) -> AsyncScheduler:
        broker = self.kind.make(url or self.url, "rota", max_idle_time=0.3)
        self.brokers.append(broker)
        scheduler = AsyncScheduler(
            SQLAlchemyDataStore(f"sqlite:///{self.path}"),
            broker,
            role=SchedulerRole.both,
            polling_interval=polling,
        )
        await self.exit_stack.enter_async_context(scheduler)
        await scheduler.configure_task(note)
        if runs:
            await scheduler.start_in_background()
            # It sleeps until it is told of something.
            await SystemClock().sleep(0.1)
        return scheduler


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture(scope="module")
def server(kind: Kind) -> Iterator[PrivateServer]:
    with kind.server() as server:
        yield server


@pytest.fixture
async def cluster(
    kind: Kind, server: PrivateServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Cluster]:
    started.clear()
    async with AsyncExitStack() as exit_stack:
        yield Cluster(kind, server.url, tmp_path / "store.db", exit_stack)
    errors = [x for x in caplog.get_records("call") if x.levelno > logging.WARNING]
    assert [x.getMessage() for x in errors if x.name == "rota"] == []


async def test_added_job_and_schedule_wake_the_other_node(cluster: Cluster) -> None:
    await cluster.node(runs=True)
    adder = await cluster.node(runs=False)
    await adder.add_job(note, args=[1])
    await until(lambda: started == [1])
    await adder.add_schedule(note, DateTrigger(SystemClock().now()), args=[2])
    await until(lambda: started == [1, 2])


async def test_waiting_for_a_result_ends_when_the_other_node_has_it(cluster: Cluster) -> None:
    await cluster.node(runs=True)
    adder = await cluster.node(runs=False)
    with anyio.fail_after(TIMEOUT_SECONDS):
        assert await adder.run_job(note, args=[1]) is None


async def test_jobs_start_by_polling_while_notifications_are_lost(
    cluster: Cluster, server: PrivateServer
) -> None:
    """The server takes everything, and gives nothing back."""
    with Proxy(server.port) as proxy:
        await cluster.node(url=server.url_at(proxy.port), runs=True, polling=timedelta(seconds=0.5))
        adder = await cluster.node(runs=False)
        proxy.hold()
        for number in range(3):
            await adder.add_job(note, args=[number])
            await until(lambda number=number: started == [*range(number + 1)])
        proxy.pass_on()


async def test_killed_server_is_reported_and_found_again(
    cluster: Cluster, server: PrivateServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Both nodes go on without it; what was added while it was gone starts when it is back, though nobody polls."""
    worker = await cluster.node(runs=True)
    adder = await cluster.node(runs=False)
    assert problems(worker) == []
    server.kill()
    try:
        await until(lambda: problems(worker) and problems(adder))
        assert problems(worker) == ["event broker"]
        for number in range(20):
            await adder.add_job(note, args=[number])
        assert started == []
    finally:
        server.start()
    await until(lambda: sorted(started) == [*range(20)])
    await until(lambda: not problems(worker) + problems(adder))
    await adder.add_job(note, args=[20])
    await until(lambda: sorted(started) == [*range(21)])
    warnings = [record for record in caplog.records if record.name == "rota"]
    assert [record.levelno for record in warnings] == [logging.WARNING] * 2
    assert all("no connection to the event broker" in x.message for x in warnings)


async def test_server_is_restarted_again_and_again_under_load(
    cluster: Cluster, server: PrivateServer
) -> None:
    """Nothing twice, nothing missing."""
    await cluster.node(runs=True, polling=timedelta(seconds=1))
    adder = await cluster.node(runs=False)
    added = 0

    async def add() -> None:
        nonlocal added
        while True:
            await adder.add_job(note, args=[added])
            added += 1
            await SystemClock().sleep(0.005)

    async with anyio.create_task_group() as group:
        group.start_soon(add)
        for end in (server.kill, server.stop):
            await until(lambda before=added: added >= before + 10)
            end()
            await until(lambda before=added: added >= before + 10)
            server.start()
        await until(lambda: all(broker.problem is None for broker in cluster.brokers))
        await until(lambda before=added: added >= before + 10)
        group.cancel_scope.cancel()
    await until(lambda: len(started) >= added)
    assert sorted(started) == [*range(len(started))]


async def test_silent_cut_is_noticed_and_healed(
    cluster: Cluster, server: PrivateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No packet passes, and nobody says that the connection is gone. Later jobs are told of again."""
    monkeypatch.setattr("rota.eventbrokers._line.ANSWER_SECONDS", 2)
    with Proxy(server.port) as proxy:
        worker = await cluster.node(url=server.url_at(proxy.port), runs=True)
        adder = await cluster.node(runs=False)
        proxy.hold()
        await adder.add_job(note, args=[1])
        await until(lambda: problems(worker))
        assert started == []
        proxy.pass_on()
        proxy.reset()
        await until(lambda: not problems(worker))
        await until(lambda: started == [1])
        await adder.add_job(note, args=[2])
        await until(lambda: started == [1, 2])
