"""The event broker on a topic of an MQTT server."""

from __future__ import annotations

import re
from functools import partial
from ssl import SSLContext, create_default_context
from typing import TYPE_CHECKING, Any, Literal

import anyio
import anyio.to_thread
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from rota._environment import new_id
from rota._posting import poster
from rota.eventbrokers._base import DEFAULT_QUEUE_SIZE
from rota.eventbrokers._line import Link, closed_on_failure
from rota.eventbrokers._names import check_name, escaped
from rota.eventbrokers._remote import (
    DEFAULT_CHANNEL,
    DEFAULT_MAX_IDLE_SECONDS,
    RemoteEventBroker,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from paho.mqtt.reasoncodes import ReasonCode

    from rota.abc import Serializer

__all__ = ["MQTTEventBroker"]

#: wildcards, the dollar of the server's own topics, and the code points that MQTT lets servers refuse
_SPECIAL = re.compile(
    r"^\$|[+#%\x00-\x1f\x7f-\x9f\ufdd0-\ufdef]|["
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_MAX_TOPIC = 65_535


class MQTTEventBroker(RemoteEventBroker):
    """Delivers events to all processes that use one MQTT server. It runs on asyncio and on Trio.

    :param host: where the server is
    :param port: its port
    :param transport: how it is reached; a Unix socket is named by `host`
    :param client_id: the name of this client, which no two connections may have at once; by default a random one
    :param topic: the topic (1-65535 bytes); characters that have a meaning in MQTT, other than the slash, are escaped
    :param ssl: whether to use TLS, or the context for it
    :param username: the name to log in with
    :param password: the password for that
    :param client_options: keyword arguments for `paho.mqtt.client.Client`
    :param subscribe_qos: the quality of service of messages to us: 0, 1 or 2
    :param publish_qos: the quality of service of messages from us: 0, 1 or 2
    :param serializer: for events; by default JSON
    :param max_idle_time: after how many seconds without messages to see whether messages still come through
    :param queue_size: how many events may wait for one listener, and to be sent, before further ones are dropped
    """

    needs_asyncio = False

    def __init__(
        self,
        host: str = "localhost",
        port: int = 1883,
        transport: Literal["tcp", "websockets", "unix"] = "tcp",
        client_id: str | None = None,
        ssl: bool | SSLContext = False,
        *,
        topic: str = DEFAULT_CHANNEL,
        username: str | None = None,
        password: str | None = None,
        client_options: Mapping[str, Any] | None = None,
        subscribe_qos: int = 0,
        publish_qos: int = 0,
        serializer: Serializer | None = None,
        max_idle_time: float = DEFAULT_MAX_IDLE_SECONDS,
        queue_size: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        super().__init__(serializer=serializer, max_idle_time=max_idle_time, queue_size=queue_size)
        for name, qos in (("subscribe_qos", subscribe_qos), ("publish_qos", publish_qos)):
            if qos not in {0, 1, 2}:
                raise ValueError(f"{name} must be 0, 1 or 2, got: {qos!r}")
        self._host = host
        self._port = port
        check_name("topic", topic, _MAX_TOPIC)
        self._topic = escaped(topic, _SPECIAL)
        check_name("topic", self._topic, _MAX_TOPIC)
        self._context = create_default_context() if ssl is True else (ssl or None)
        self._username = username
        self._password = password
        self._client_options = {"transport": transport, **(client_options or {})}
        if client_id is not None:
            self._client_options["client_id"] = client_id
        self._subscribe_qos = subscribe_qos
        self._publish_qos = publish_qos

    @property
    def place(self) -> str:
        """Where the server is, and the topic."""
        return f"{self._host}:{self._port}, topic {self._topic!r}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not get into a log."""
        return () if self._password is None else (self._password,)

    async def connect(self, receive: Callable[[bytes], None]) -> Link:
        """Connect and subscribe."""
        client = Client(
            CallbackAPIVersion.VERSION2,
            **{"client_id": f"rota-{new_id().hex}", **self._client_options},
            reconnect_on_failure=False,
        )
        if self._username is not None:
            client.username_pw_set(self._username, self._password)
        if self._context is not None:
            client.tls_set_context(self._context)
        link = _Link(client, self._topic, self._publish_qos, receive)
        async with closed_on_failure(link.close):
            await anyio.to_thread.run_sync(client.connect, self._host, self._port)
            client.loop_start()
            await link.subscribe(self._subscribe_qos)
        return link


class _Link(Link):
    """Paho has a thread of its own for the network; what it calls is passed on to the event loop."""

    max_message = 65_536

    def __init__(
        self, client: Client, topic: str, qos: int, receive: Callable[[bytes], None]
    ) -> None:
        self._client = client
        self._topic = topic
        self._qos = qos
        self._receive = receive
        self._post = poster()
        self._changed = anyio.Event()
        self._failure: str | None = None
        self._is_connected = False
        self._is_subscribed = False
        self._unconfirmed: set[int] = set()
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish

    async def subscribe(self, qos: int) -> None:
        await self._wait_until(lambda: self._is_connected)
        self._client.subscribe(self._topic, qos)
        await self._wait_until(lambda: self._is_subscribed)

    async def receive(self) -> None:
        await self._wait_until(lambda: False)

    async def send(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            # It is confirmed by a call from the other thread, which is made on this event loop, so later than this.
            sent = self._client.publish(self._topic, message, self._qos)
            if sent.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise ConnectionError(f"the message could not be sent: {sent.rc.name}")
            self._unconfirmed.add(sent.mid)
        await self._wait_until(lambda: not self._unconfirmed)

    async def close(self) -> None:
        self._client.disconnect()
        await anyio.to_thread.run_sync(self._end, abandon_on_cancel=True)

    def _end(self) -> None:
        # The thread may have to be waited for, but it looks for this every second.
        self._client.loop_stop()
        # It keeps two sockets for its thread, which it closes when it is made anew or collected, and not before.
        self._client.reinitialise()

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self._failure is not None:
                raise ConnectionError(self._failure)
            await self._changed.wait()

    def _note(self, **changes: Any) -> None:
        """Set attributes, on the event loop."""
        self._post(partial(self._set, changes))

    def _set(self, changes: Mapping[str, Any]) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        self._wake()

    # what the thread of paho calls

    def _on_connect(
        self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._note(_failure=f"the server refused the connection: {reason}")
        else:
            self._note(_is_connected=True)

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        self._note(_failure="the connection could not be made")

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self._note(_failure=f"the connection was lost: {reason}")

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._note(_failure="the server refused the subscription")
        else:
            self._note(_is_subscribed=True)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if not message.retain:  # what is retained is old news
            self._post(partial(self._receive, bytes(message.payload)))

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, _reason: ReasonCode, _properties: Any
    ) -> None:
        self._post(partial(self._confirm, mid))

    def _confirm(self, mid: int) -> None:
        self._unconfirmed.discard(mid)
        self._wake()

    def _wake(self) -> None:
        """Have all who wait look again: who receives and who sends do so at the same time."""
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
