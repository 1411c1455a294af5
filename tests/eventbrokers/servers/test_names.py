"""Channels, topics and subjects may have any name: it means nothing but itself."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

import pytest

from rota._environment import SystemClock, new_id
from rota.testing._eventbroker import Received, added
from tests._services import need
from tests.eventbrokers.servers._kinds import KINDS, Kind
from tests.eventbrokers.servers.test_conformance import URLS

pytestmark = [pytest.mark.anyio, pytest.mark.once]

LOGGER = logging.getLogger("rota")
#: each with one that must not be taken for it
NAMES = [
    pytest.param("{}+", "{}x", id="wildcard-of-a-level"),
    pytest.param("{}/+/b", "{}/a/b", id="wildcard-between-levels"),
    pytest.param("#", "{}", id="wildcard-of-everything"),
    pytest.param("{}/#", "{}/a", id="wildcard-of-the-rest"),
    pytest.param("{}.*", "{}.a", id="nats-wildcard"),
    pytest.param("{}.>", "{}.a.b", id="nats-wildcard-of-the-rest"),
    pytest.param(">", "{}", id="nats-wildcard-of-everything"),
    pytest.param("{}[ab]?*", "{}ax1", id="redis-pattern"),
    pytest.param("$SYS{}", "%24SYS{}", id="name-of-the-server"),
    pytest.param("$share/{}", "{}", id="shared-subscription"),
    pytest.param(" {} \t\r\n ", " {} \t\r\n", id="white-space"),
    pytest.param("{}\u2003", "{} 03", id="wide-space"),
    pytest.param('{}"; SELECT 1; --', "{}", id="quotes"),
    pytest.param("{}%23", "{}#", id="escape-of-an-escape"),
    pytest.param("{}é\u0085\ufdd0\uffff😀", "{}é😀", id="unicode"),
    pytest.param("{}é", "{}e\u0301", id="unicode-normal-forms"),
    pytest.param("{}A", "{}a", id="case"),
    pytest.param("{}", "{}" + "x" * 50, id="long"),
]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.mark.parametrize(("name", "other"), NAMES)
async def test_events_arrive_on_their_channel_and_on_no_other(
    kind: Kind, name: str, other: str
) -> None:
    url, unique = URLS[kind.service].format(need(kind.service)), new_id().hex[:12]
    here, elsewhere = Received(), Received()
    async with AsyncExitStack() as exit_stack:
        brokers = [kind.make(url, x.format(unique)) for x in (name, name, other, other)]
        for broker in brokers:
            await broker.start(exit_stack, LOGGER, SystemClock())
            assert broker.problem is None
        brokers[1].subscribe(here)
        brokers[3].subscribe(elsewhere)
        for number, broker in enumerate(brokers[::2]):
            await broker.publish(added(f"{number}"))
        assert await here.wait(1) == [added("0")]
        assert await elsewhere.wait(1) == [added("1")]
        await brokers[2].publish(added("last"))
        await elsewhere.wait(2)
        await brokers[0].publish(added("last"))
        await here.wait(2)
    assert here.events == [added("0"), added("last")]
    assert elsewhere.events == [added("1"), added("last")]


@pytest.mark.parametrize(
    ("kind", "length"),
    [("asyncpg", 63), ("psycopg", 63), ("redis", 65_535), ("nats", 4_000), ("mqtt", 65_535)],
    indirect=["kind"],
)
async def test_longest_name_is_taken(kind: Kind, length: int) -> None:
    url, name = URLS[kind.service].format(need(kind.service)), new_id().hex
    received = Received()
    async with AsyncExitStack() as exit_stack:
        one, other = (kind.make(url, name + "x" * (length - len(name))) for _ in range(2))
        for broker in (one, other):
            await broker.start(exit_stack, LOGGER, SystemClock())
            assert broker.problem is None
        other.subscribe(received)
        await one.publish(added("a"))
        await received.wait(1)
