"""The brokers on servers: how each is made, and how its server is reached without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import asyncpg
import nats
from attrs import frozen
from paho.mqtt import publish
from redis.asyncio import Redis

from rota.abc import EventBroker
from rota.eventbrokers.asyncpg import AsyncpgEventBroker
from rota.eventbrokers.mqtt import MQTTEventBroker
from rota.eventbrokers.nats import NATSEventBroker
from rota.eventbrokers.psycopg import PsycopgEventBroker
from rota.eventbrokers.redis import RedisEventBroker
from tests._private_servers import NATS, Mosquitto, PostgreSQL, PrivateServer, Redis as RedisServer

__all__ = ["KINDS", "Kind"]


@frozen
class Kind:
    """A class of brokers.

    :param service: the name of its server
    :param make: makes a broker of a URL, a channel and options
    :param send: sends bytes to a channel of a server
    :param server: the server that a test has for itself
    """

    service: str
    make: Callable[..., EventBroker]
    send: Callable[[str, str, bytes], Awaitable[None]]
    server: type[PrivateServer]


def _mqtt(url: str, channel: str, **options: Any) -> EventBroker:
    split = urlsplit(url)
    return MQTTEventBroker(split.hostname or "", split.port or 1883, topic=channel, **options)


def _nats(url: str, channel: str, **options: Any) -> EventBroker:
    return NATSEventBroker(url, subject=channel, **options)


async def _notify(url: str, channel: str, data: bytes) -> None:
    connection = await asyncpg.connect(url)
    text = data.decode("latin-1").replace("\0", "?")
    await connection.execute("SELECT pg_notify($1, $2)", channel, text)
    await connection.close()


async def _publish_redis(url: str, channel: str, data: bytes) -> None:
    async with Redis.from_url(url) as client:
        await client.publish(channel, data)


async def _publish_nats(url: str, channel: str, data: bytes) -> None:
    client = await nats.connect(url)
    await client.publish(channel, data)
    await client.flush()
    await client.close()


async def _publish_mqtt(url: str, channel: str, data: bytes) -> None:
    split = urlsplit(url)
    await anyio.to_thread.run_sync(
        lambda: publish.single(
            channel, data, qos=1, hostname=split.hostname or "", port=split.port or 1883
        )
    )


KINDS = {
    "asyncpg": Kind(
        "postgresql",
        lambda url, channel, **options: AsyncpgEventBroker(url, channel=channel, **options),
        _notify,
        PostgreSQL,
    ),
    "psycopg": Kind(
        "postgresql",
        lambda url, channel, **options: PsycopgEventBroker(url, channel=channel, **options),
        _notify,
        PostgreSQL,
    ),
    "redis": Kind(
        "redis",
        lambda url, channel, **options: RedisEventBroker(url, channel=channel, **options),
        _publish_redis,
        RedisServer,
    ),
    "nats": Kind("nats", _nats, _publish_nats, NATS),
    "mqtt": Kind("mqtt", _mqtt, _publish_mqtt, Mosquitto),
}
