"""A connection that is reset is noticed at once, also by who has nothing to send."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

import pytest

from rota._environment import SystemClock, new_id
from rota.model import EventsMissed
from rota.testing._eventbroker import Received, added
from tests._proxy import Proxy
from tests._services import PORTS, need
from tests.eventbrokers.servers._kinds import KINDS
from tests.eventbrokers.servers.test_conformance import URLS

pytestmark = [pytest.mark.anyio, pytest.mark.once]

LOGGER = logging.getLogger("rota")
FAR = 3600  #: seconds; longer than anybody waits here for a probe


@pytest.mark.parametrize("name", KINDS)
async def test_connection_that_has_sent_something_is_noticed_when_it_is_reset(name: str) -> None:
    kind, channel = KINDS[name], f"rota-test-{new_id()}"
    port = PORTS[kind.service]
    url = URLS[kind.service].format(need(kind.service))
    connected_again, arrived = Received(), Received()
    async with AsyncExitStack() as exit_stack:
        proxy = exit_stack.enter_context(Proxy(port))
        cut = url.replace(str(port), str(proxy.port))
        one, other = (kind.make(x, channel, max_idle_time=FAR) for x in (cut, url))
        one.subscribe(connected_again, [EventsMissed])
        other.subscribe(arrived)
        for broker in (one, other):
            await broker.start(exit_stack, LOGGER, SystemClock())
        for times in range(1, 4):
            await one.publish(added(f"{times}"))
            await arrived.wait(times)
            proxy.reset()
            await connected_again.wait(times)
