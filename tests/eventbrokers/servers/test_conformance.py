"""Every broker on a server passes the conformance suite, against the real server."""

from __future__ import annotations

from typing import ClassVar

import pytest

from rota._environment import new_id
from rota.abc import EventBroker
from rota.testing import RemoteEventBrokerConformance
from tests._services import need
from tests.eventbrokers.servers._kinds import KINDS

URLS = {
    "postgresql": "postgresql://postgres@{}/test",
    "redis": "redis://{}",
    "nats": "nats://{}",
    "mqtt": "mqtt://{}",
}


pytestmark = pytest.mark.once


class OnServer(RemoteEventBrokerConformance):
    kind: ClassVar[str]

    @pytest.fixture(autouse=True)
    def place(self) -> None:
        kind = KINDS[self.kind]
        self.url = URLS[kind.service].format(need(kind.service))
        self.channel = f"rota-test-{new_id()}"

    def make_broker(self) -> EventBroker:
        return KINDS[self.kind].make(self.url, self.channel)

    async def send_raw(self, data: bytes) -> None:
        await KINDS[self.kind].send(self.url, self.channel, data)


class TestAsyncpg(OnServer):
    kind = "asyncpg"


class TestPsycopg(OnServer):
    kind = "psycopg"


class TestRedis(OnServer):
    kind = "redis"


class TestNATS(OnServer):
    kind = "nats"


class TestMQTT(OnServer):
    kind = "mqtt"
