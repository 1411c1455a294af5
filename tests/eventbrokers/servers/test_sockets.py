"""A broker closes its sockets itself, however its connection ends, and does not leave that to the garbage collector."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from itertools import count
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from rota._environment import SystemClock, new_id
from rota.eventbrokers._line import Link
from rota.eventbrokers._remote import RemoteEventBroker
from rota.model import EventsMissed
from rota.testing._eventbroker import Received
from tests._proxy import Proxy
from tests._services import PORTS, need
from tests.eventbrokers.servers._kinds import KINDS, Kind
from tests.eventbrokers.servers.test_conformance import URLS

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.once,
    pytest.mark.skipif(sys.platform != "linux", reason="sockets are looked up in /proc"),
]

LOGGER = logging.getLogger("rota")
CLOSING_SECONDS = 5


@pytest.fixture
def _no_collection() -> Iterator[None]:
    """Have nothing closed by a finalizer."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def open_sockets() -> set[str]:
    """Return the inodes of the sockets that this process has open."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            target = os.readlink(descriptor)
            if target.startswith("socket:"):
                found.add(target)
    return found


async def until_closed(before: set[str]) -> None:
    with anyio.move_on_after(CLOSING_SECONDS):
        while open_sockets() - before:
            await SystemClock().sleep(0.01)
    assert open_sockets() - before == set()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, _no_collection: None) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def url(kind: Kind) -> str:
    return URLS[kind.service].format(need(kind.service))


def make(kind: Kind, url: str) -> RemoteEventBroker:
    broker = kind.make(url, f"rota-test-{new_id()}", max_idle_time=0.3)
    assert isinstance(broker, RemoteEventBroker)
    return broker


async def test_sockets_are_closed_at_the_end(kind: Kind, url: str) -> None:
    before = open_sockets()
    async with AsyncExitStack() as exit_stack:
        await make(kind, url).start(exit_stack, LOGGER, SystemClock())
        assert open_sockets() - before
    await until_closed(before)


async def test_sockets_are_closed_when_the_connection_is_lost(kind: Kind, url: str) -> None:
    before = open_sockets()
    port = PORTS[kind.service]
    with Proxy(port) as proxy:
        broker = make(kind, url.replace(str(port), str(proxy.port)))
        connected_again = Received()
        broker.subscribe(connected_again, [EventsMissed])
        async with AsyncExitStack() as exit_stack:
            await broker.start(exit_stack, LOGGER, SystemClock())
            for times in range(1, 4):
                proxy.reset()
                await connected_again.wait(times)
    await until_closed(before)


# Psycopg leaves a connection that it has begun to make to the garbage collector, which says nothing of it.
@pytest.mark.parametrize("kind", [name for name in KINDS if name != "psycopg"], indirect=True)
async def test_sockets_are_closed_when_connecting_is_cancelled(kind: Kind, url: str) -> None:
    """At each of its moments, until the connection is there."""
    before = open_sockets()
    for moments in count():
        links: list[Link] = []

        async def connect(links: list[Link] = links) -> None:
            links.append(await make(kind, url).connect(lambda _: None))

        async with anyio.create_task_group() as group:
            group.start_soon(connect)
            for _ in range(moments):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        if links:
            await links[0].close()
            break
    await until_closed(before)
