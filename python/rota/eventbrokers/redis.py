"""The event broker on the publish/subscribe channels of Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from rota.eventbrokers._base import DEFAULT_QUEUE_SIZE
from rota.eventbrokers._line import Link, closed_on_failure
from rota.eventbrokers._names import check_name
from rota.eventbrokers._places import address, passwords
from rota.eventbrokers._remote import (
    DEFAULT_CHANNEL,
    DEFAULT_MAX_IDLE_SECONDS,
    RemoteEventBroker,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.asyncio.client import PubSub

    from rota.abc import Serializer

__all__ = ["RedisEventBroker"]

_MAX_CHANNEL = 65_535  #: bytes; Redis would take half a gigabyte, to be sent with each message


class RedisEventBroker(RemoteEventBroker):
    """Delivers events to all processes that use one Redis. It needs asyncio and two connections.

    :param client_or_url: a client of `redis.asyncio`, whose settings are used for connections of its own, or a URL
    :param serializer: for events; by default JSON
    :param channel: the channel (1-65535 bytes)
    :param stop_check_interval: for how many seconds to wait for a message at once
    :param max_idle_time: after how many seconds without messages to see whether messages still come through
    :param queue_size: how many events may wait for one listener, and to be sent, before further ones are dropped
    """

    def __init__(
        self,
        client_or_url: Redis | str,
        *,
        serializer: Serializer | None = None,
        channel: str = DEFAULT_CHANNEL,
        stop_check_interval: float = 1,
        max_idle_time: float = DEFAULT_MAX_IDLE_SECONDS,
        queue_size: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        super().__init__(serializer=serializer, max_idle_time=max_idle_time, queue_size=queue_size)
        check_name("channel", channel, _MAX_CHANNEL)
        if not stop_check_interval > 0:
            raise ValueError(f"stop_check_interval must be positive, got: {stop_check_interval}")
        self._client_or_url = client_or_url
        self._channel = channel
        self._wait_seconds = stop_check_interval

    @property
    def place(self) -> str:
        """Where the server is, and the channel."""
        if isinstance(self._client_or_url, str):
            where = address(self._client_or_url)
        else:
            settings = self._client_or_url.connection_pool.connection_kwargs
            where = f"{settings.get('host', settings.get('path', ''))}:{settings.get('port', '')}"
        return f"{where}, channel {self._channel!r}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not get into a log."""
        if isinstance(self._client_or_url, str):
            return passwords(self._client_or_url)
        return passwords("", self._client_or_url.connection_pool.connection_kwargs)

    async def connect(self, receive: Callable[[bytes], None]) -> Link:
        """Connect and subscribe."""
        client = self._new_client()
        subscriber = client.pubsub(ignore_subscribe_messages=True)
        async with closed_on_failure(subscriber.aclose, client.aclose):
            await subscriber.subscribe(self._channel)
            while await subscriber.get_message(timeout=None) is not None:
                pass  # not the confirmation yet
        return _Link(client, subscriber, self._channel, self._wait_seconds, receive)

    def _new_client(self) -> Redis:
        """Return a client that says so when a connection is lost: messages are lost with it."""
        settings: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "decode_responses": False}
        if isinstance(self._client_or_url, str):
            return Redis.from_url(self._client_or_url, **settings)
        pool = self._client_or_url.connection_pool
        if type(pool) not in {ConnectionPool, BlockingConnectionPool}:
            # One that finds its server by other means, such as sentinels; its settings do not say all.
            return Redis(connection_pool=pool)
        settings = {**pool.connection_kwargs, **settings}
        return Redis.from_pool(ConnectionPool(pool.connection_class, **settings))


class _Link(Link):
    max_message = 65_536

    def __init__(
        self,
        client: Redis,
        subscriber: PubSub,
        channel: str,
        wait_seconds: float,
        receive: Callable[[bytes], None],
    ) -> None:
        self._client = client
        self._subscriber = subscriber
        self._channel = channel
        self._wait_seconds = wait_seconds
        self._receive = receive

    async def receive(self) -> None:
        while True:
            message = await self._subscriber.get_message(timeout=self._wait_seconds)
            if message is not None:
                data = message["data"]
                self._receive(data if isinstance(data, bytes) else str(data).encode())

    async def send(self, messages: Sequence[bytes]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for message in messages:
            pipeline.publish(self._channel, message)
        await pipeline.execute()

    async def close(self) -> None:
        await self._subscriber.aclose()  # type: ignore[no-untyped-call]
        await self._client.aclose()
