"""What only MQTT has: qualities of service, and messages that the server keeps."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

import anyio
import anyio.to_thread
import pytest
from paho.mqtt import publish
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from rota._environment import SystemClock, new_id
from rota.eventbrokers._messages import Messages
from rota.eventbrokers.mqtt import MQTTEventBroker
from rota.model import Event
from rota.serializers.json import JSONSerializer
from rota.testing._eventbroker import Received, added

pytestmark = [pytest.mark.anyio, pytest.mark.once, pytest.mark.service("mqtt")]

LOGGER = logging.getLogger("rota")


def message_with(*events: Event) -> bytes:
    (message,) = Messages(JSONSerializer(), "another process", LOGGER).pack(events, 1_000)
    return message


async def send(topic: str, message: bytes, *, retain: bool = False) -> None:
    await anyio.to_thread.run_sync(
        lambda: publish.single(topic, message, qos=1, retain=retain, hostname="127.0.0.1")
    )


async def test_retained_and_repeated_messages_do_no_harm() -> None:
    topic = f"rota-test-{new_id()}"
    await send(topic, message_with(added("old")), retain=True)
    received = Received()
    async with AsyncExitStack() as exit_stack:
        broker = MQTTEventBroker("127.0.0.1", topic=topic)
        broker.subscribe(received)
        await broker.start(exit_stack, LOGGER, SystemClock())
        repeated = message_with(added("repeated"))
        for _ in range(3):
            await send(topic, repeated)
        (last,) = Messages(JSONSerializer(), "a third process", LOGGER).pack([added("last")], 1_000)
        await send(topic, last)
        await received.wait(2)
    await send(topic, b"", retain=True)
    assert received.events == [added("repeated"), added("last")]


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_events_arrive_with_every_quality_of_service(qos: int) -> None:
    topic = f"rota-test-{new_id()}"
    received = Received()
    async with AsyncExitStack() as exit_stack:
        sender, receiver = (
            MQTTEventBroker("127.0.0.1", topic=topic, publish_qos=qos, subscribe_qos=qos)
            for _ in range(2)
        )
        for broker in (sender, receiver):
            await broker.start(exit_stack, LOGGER, SystemClock())
        receiver.subscribe(received)
        events = [added(f"{number}") for number in range(500)]
        await sender.publish(*events)
        assert await received.wait(500) == events


async def test_name_of_the_client_is_the_given_one() -> None:
    """The server lets in one client of a name at a time, so the second one takes the place of the first."""
    topic, client_id = f"rota-test-{new_id()}", f"rota-{new_id().hex}"
    async with AsyncExitStack() as exit_stack:
        broker = MQTTEventBroker("127.0.0.1", 1883, "tcp", client_id, False, topic=topic)
        await broker.start(exit_stack, LOGGER, SystemClock())
        assert broker.problem is None
        rival = Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        rival.connect("127.0.0.1")
        rival.loop_start()
        try:
            with anyio.fail_after(30):
                while broker.problem is None:
                    await SystemClock().sleep(0.01)
        finally:
            rival.disconnect()
            rival.loop_stop()


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_events_arrive_on_trio(anyio_backend_name: str) -> None:
    assert anyio_backend_name == "trio"
    topic = f"rota-test-{new_id()}"
    received = Received()
    async with AsyncExitStack() as exit_stack:
        sender, receiver = (MQTTEventBroker("127.0.0.1", topic=topic) for _ in range(2))
        for broker in (sender, receiver):
            await broker.start(exit_stack, LOGGER, SystemClock())
        receiver.subscribe(received)
        await sender.publish(added("a"), added("b"))
        assert await received.wait(2) == [added("a"), added("b")]
