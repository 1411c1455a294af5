"""What only NATS has: nothing is confirmed unless one asks, behind what is to be confirmed."""

from __future__ import annotations

import pytest

from rota._environment import new_id
from rota.eventbrokers.nats import NATSEventBroker
from tests._proxy import Proxy
from tests._services import PORTS, need

pytestmark = [pytest.mark.anyio, pytest.mark.once]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Recorder(Proxy):
    """Notes what clients send."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.sent = bytearray()

    def is_fatal(self, data: bytes) -> bool:
        """Note a request; none is fatal."""
        self.sent.extend(data)
        return False


async def test_subscription_and_messages_are_confirmed_by_the_server() -> None:
    """An answer to a question that was sent before them would tell nothing of them."""
    need("nats")
    with Recorder(PORTS["nats"]) as server:
        place = f"nats://127.0.0.1:{server.port}"
        broker = NATSEventBroker(place, subject=f"rota-test-{new_id()}")
        link = await broker.connect(lambda _: None)
        assert server.sent.index(b"SUB ") < server.sent.rindex(b"PING\r\n")
        await link.send([b"one", b"two"])
        assert server.sent.rindex(b"PUB ") < server.sent.rindex(b"PING\r\n")
        await link.close()
