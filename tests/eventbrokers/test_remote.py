"""The brokers on servers, as far as that can be tested without one."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from datetime import datetime, timezone
from typing import Any

import pytest
from attrs import define
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import create_async_engine

from rota._environment import SystemClock
from rota.abc import EventBroker
from rota.eventbrokers._messages import MAX_RECEIVED, Messages
from rota.eventbrokers._outbox import Outbox
from rota.eventbrokers.asyncpg import AsyncpgEventBroker
from rota.eventbrokers.mqtt import MQTTEventBroker
from rota.eventbrokers.nats import NATSEventBroker
from rota.eventbrokers.psycopg import PsycopgEventBroker
from rota.eventbrokers.redis import RedisEventBroker
from rota.model import Event, JobAdded, SchedulerStopped, TaskAdded, TaskRemoved
from rota.serializers._registry import ClassRegistry
from rota.serializers.json import JSONSerializer

NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)
LOGGER = logging.getLogger("rota")


def added(task_id: str) -> TaskAdded:
    return TaskAdded(task_id=task_id, timestamp=NOW)


class Mine:
    @define(kw_only=True, frozen=True)
    class TaskAdded(Event):
        number: int


def everything(_type: type[Event]) -> bool:
    return True


def messages(sender: str) -> Messages:
    return Messages(JSONSerializer(), sender, LOGGER)


class TestMessages:
    def test_message_that_comes_twice_is_known(self) -> None:
        """MQTT repeats messages, and what was sent when a connection broke is sent again."""
        sender, receiver = messages("a"), messages("b")
        first, second = [*sender.pack([added("x")], 1_000), *sender.pack([added("x")], 1_000)]
        assert receiver.unpack(first, everything) == [added("x")]
        assert receiver.unpack(second, everything) == [added("x")]
        assert receiver.unpack(second, everything) == receiver.unpack(first, everything) == []

    def test_own_message_is_known(self) -> None:
        sender = messages("a")
        (message,) = sender.pack([added("x")], 1_000)
        assert sender.unpack(message, everything) == []

    def test_events_that_nobody_listens_to_are_not_read(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """With n processes, each would else read what all others do; under load that was most of their work."""
        sender = messages("a")
        (message,) = sender.pack([added("x"), TaskRemoved(task_id="y", timestamp=NOW)], 1_000)
        rotten = message[: message.index(b"\n") + 1] + b"rotten"
        receiver = messages("b")
        assert receiver.unpack(rotten, lambda type_: type_ is JobAdded) == []
        assert not caplog.records
        assert receiver.unpack(message, lambda type_: type_ is TaskRemoved) == [
            added("x"),
            TaskRemoved(task_id="y", timestamp=NOW),
        ]

    def test_events_of_a_class_that_is_not_rotas_are_always_read(self) -> None:
        """Who listens to them cannot be known before."""
        registry = ClassRegistry()
        registry.register_class(Mine.TaskAdded)
        sender, receiver = (
            Messages(JSONSerializer(registry=registry), x, LOGGER) for x in ("a", "b")
        )
        event = Mine.TaskAdded(number=1, timestamp=NOW)
        (message,) = sender.pack([event], 1_000)
        assert receiver.unpack(message, lambda _type: False) == [event]

    @pytest.mark.parametrize(
        "head",
        [
            pytest.param(b"rota-events-1 1 TaskAdded a\n", id="another-version"),
            pytest.param(b"rota-events-2 1 TaskAdded a", id="no-line-break"),
            pytest.param(b"rota-events-2 1 TaskAdded \n", id="no-sender"),
            pytest.param(b"rota-events-2 1 TaskAdded " + b"a" * 65 + b"\n", id="long-sender"),
            pytest.param(b"rota-events-2 " + b"1" * 19 + b" TaskAdded a\n", id="huge-number"),
            pytest.param(b"rota-events-2 1 os.system a\n", id="no-name-of-a-type"),
            pytest.param(b" rota-events-2 1 TaskAdded a\n", id="something-before"),
        ],
    )
    def test_message_with_another_head_is_not_read(self, head: bytes) -> None:
        """Not even if a list of events follows."""
        receiver = messages("b")
        body = JSONSerializer().serialize([added("x")])
        assert receiver.unpack(b"rota-events-2 1 TaskAdded a\n" + body, everything) == [added("x")]
        assert receiver.unpack(head + body, everything) == []

    def test_message_that_is_huge_is_not_read(self) -> None:
        """Whatever the serializer would do with it."""
        receiver = Messages(JSONSerializer(max_size=10 * MAX_RECEIVED), "b", LOGGER)
        head = b"rota-events-2 1 TaskAdded a\n"
        body = JSONSerializer().serialize([added("x")])
        room = MAX_RECEIVED - len(head) - len(body)
        assert receiver.unpack(head + body + b" " * (room + 1), everything) == []
        assert receiver.unpack(head + body + b" " * room, everything) == [added("x")]

    def test_what_is_said_once_needs_no_more_memory_each_time(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        sender = messages("a")
        for size in (300, 400, 500):
            assert list(sender.pack([added("x" * size)], size)) == []
        assert sender.refused == 3
        assert len(caplog.records) == 1

    @pytest.mark.parametrize("limit", [200, 1_000, 5_994])
    def test_messages_keep_the_limit_and_the_order(self, limit: int) -> None:
        sender, receiver = messages("a"), messages("b")
        events = [added("x" * (number % 40)) for number in range(300)]
        packed = list(sender.pack(events, limit))
        assert max(map(len, packed)) <= limit
        assert [
            event for message in packed for event in receiver.unpack(message, everything)
        ] == events

    def test_exception_that_is_too_large_travels_as_its_beginning(self) -> None:
        sender, receiver = messages("a"), messages("b")
        event = SchedulerStopped(timestamp=NOW, exception=OSError("disk full " * 1_000))
        (message,) = sender.pack([event], 2_000)
        (received,) = receiver.unpack(message, everything)
        assert isinstance(received, SchedulerStopped)
        assert isinstance(received.exception, OSError)
        assert str(received.exception) == ("disk full " * 1_000)[:500]


class TestOutbox:
    def test_what_does_not_fit_is_refused(self) -> None:
        outbox = Outbox(messages("a"), 3)
        assert outbox.put([added("1"), added("2")]) == 0
        assert outbox.put([added("3"), added("4"), added("5")]) == 2
        receiver = messages("b")
        received = [
            x for message in outbox.peek(1_000) for x in receiver.unpack(message, everything)
        ]
        assert received == [added("1"), added("2"), added("3")]

    def test_message_stays_until_it_is_sent(self) -> None:
        """A connection may break in between; then the same message is sent again."""
        outbox = Outbox(messages("a"), 3)
        outbox.put([added("1")])
        before = outbox.peek(1_000)
        assert outbox.peek(1_000) == before
        outbox.sent(len(before))
        assert outbox.peek(1_000) == []
        assert not outbox


SECRET = "hunter2 %$"
CASES = [
    pytest.param(
        AsyncpgEventBroker("postgresql+asyncpg://me:hunter2%20%25%24@127.0.0.1:1/db"),
        "AsyncpgEventBroker(\"127.0.0.1:1/db, channel 'rota'\")",
        id="asyncpg",
    ),
    pytest.param(
        AsyncpgEventBroker("postgresql://me@127.0.0.1:1/db", {"password": SECRET}),
        "AsyncpgEventBroker(\"127.0.0.1:1/db, channel 'rota'\")",
        id="asyncpg-with-options",
    ),
    pytest.param(
        PsycopgEventBroker(f"host=127.0.0.1 port=1 dbname=db user=me password='{SECRET}'"),
        "PsycopgEventBroker(\"127.0.0.1:1/db, channel 'rota'\")",
        id="psycopg",
    ),
    pytest.param(
        RedisEventBroker("redis://:hunter2%20%25%24@127.0.0.1:1/2"),
        "RedisEventBroker(\"127.0.0.1:1/2, channel 'rota'\")",
        id="redis",
    ),
    pytest.param(
        RedisEventBroker("redis://:a/hunter2 %$#b?c@127.0.0.1:1/2"),
        "RedisEventBroker(\"127.0.0.1:1/2, channel 'rota'\")",
        id="redis-unencoded",
    ),
    pytest.param(
        RedisEventBroker(Redis(host="127.0.0.1", port=1, password=SECRET)),
        "RedisEventBroker(\"127.0.0.1:1, channel 'rota'\")",
        id="redis-client",
    ),
    pytest.param(
        NATSEventBroker("nats://me:hunter2%20%25%24@127.0.0.1:1"),
        "NATSEventBroker(\"127.0.0.1:1, subject 'rota'\")",
        id="nats",
    ),
    pytest.param(
        MQTTEventBroker("127.0.0.1", 1, username="me", password=SECRET),
        "MQTTEventBroker(\"127.0.0.1:1, topic 'rota'\")",
        id="mqtt",
    ),
]


class TestWithoutServer:
    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.mark.anyio
    @pytest.mark.parametrize(("broker", "shown"), CASES)
    async def test_start_goes_on_and_says_so_without_secrets(
        self, broker: EventBroker, shown: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Events reach this process nevertheless."""
        seen: list[Event] = []
        async with AsyncExitStack() as exit_stack:
            await broker.start(exit_stack, LOGGER, SystemClock())
            broker.subscribe(seen.append)
            await broker.publish(added("a"))
            assert broker.problem is not None
            assert broker.problem.startswith(f"not connected to {shown.split(chr(34))[1]}: ")
        assert seen == [added("a")]
        warnings = [record.getMessage() for record in caplog.records if record.name == "rota"]
        assert len(warnings) == 1
        assert "no connection to the event broker" in warnings[0]
        for text in (*warnings, broker.problem or "", repr(broker)):
            assert "hunter2" not in text
        assert repr(broker) == shown
        assert broker.problem is None

    @pytest.mark.parametrize("broker", [case.values[0] for case in CASES if case.id != "mqtt"])
    def test_trio_is_refused_where_the_client_needs_asyncio(self, broker: EventBroker) -> None:
        import trio

        async def start() -> None:
            async with AsyncExitStack() as exit_stack:
                await broker.start(exit_stack, LOGGER, SystemClock())

        with pytest.raises(RuntimeError, match=rf"^{type(broker).__name__} needs asyncio, "):
            trio.run(start)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda: AsyncpgEventBroker("postgresql://h", channel="x" * 64),
            "channel must have 1-63 bytes, got: 'xxx",
            id="channel-too-long",
        ),
        pytest.param(
            lambda: AsyncpgEventBroker("postgresql://h", channel="é" * 32),
            "channel must have 1-63 bytes, got: 'ééé",
            id="channel-too-long-in-bytes",
        ),
        pytest.param(
            lambda: RedisEventBroker("redis://", channel="\ud800"),
            "channel must have no surrogates, got: '\\ud800'",
            id="channel-with-surrogate",
        ),
        pytest.param(
            lambda: NATSEventBroker(subject="x" * 4_001),
            "subject must have 1-4000 bytes, got: 'xxx",
            id="subject-too-long",
        ),
        pytest.param(
            lambda: NATSEventBroker(subject=" " * 2_000),
            "subject must have 1-4000 bytes, got: '%20%20",
            id="subject-too-long-once-escaped",
        ),
        pytest.param(
            lambda: MQTTEventBroker(topic="#" * 30_000),
            "topic must have 1-65535 bytes, got: '%23%23",
            id="topic-too-long-once-escaped",
        ),
        pytest.param(
            lambda: PsycopgEventBroker("", channel="a\0"),
            "channel must have no NUL, got: 'a",
            id="channel-with-nul",
        ),
        pytest.param(
            lambda: RedisEventBroker("redis://", channel=""),
            "channel must have 1-65535 bytes, got: ''",
            id="no-channel",
        ),
        pytest.param(
            lambda: RedisEventBroker("redis://", stop_check_interval=0),
            "stop_check_interval must be positive, got: 0",
            id="no-interval",
        ),
        pytest.param(
            lambda: NATSEventBroker(subject="a..b"),
            "subject must have no empty part between dots, got: 'a..b'",
            id="empty-part-of-subject",
        ),
        pytest.param(
            lambda: MQTTEventBroker(topic=""),
            "topic must have 1-65535 bytes, got: ''",
            id="no-topic",
        ),
        pytest.param(
            lambda: MQTTEventBroker(publish_qos=3),
            "publish_qos must be 0, 1 or 2, got: 3",
            id="unknown-quality",
        ),
        pytest.param(
            lambda: NATSEventBroker(max_idle_time=0),
            "max_idle_time must be positive, got: 0",
            id="no-idle-time",
        ),
    ],
)
def test_impossible_settings_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - compared below
        make()
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("broker", "name"),
    [
        pytest.param(NATSEventBroker(subject="a.b*c.>.d e%"), "a.b%2Ac.%3E.d%20e%25", id="nats"),
        pytest.param(NATSEventBroker(subject="$SYS.$a"), "'%24SYS.$a'", id="nats-of-the-server"),
        pytest.param(NATSEventBroker(subject="\u2003"), "%E2%80%83", id="nats-wide-space"),
        pytest.param(MQTTEventBroker(topic="$SYS/a+/#/b"), "%24SYS/a%2B/%23/b", id="mqtt"),
        pytest.param(MQTTEventBroker(topic="\x85\ufffe"), "%C2%85%EF%BF%BE", id="mqtt-refused"),
        pytest.param(RedisEventBroker("redis://h", channel="a*[b]?"), "a*[b]?", id="redis"),
        pytest.param(PsycopgEventBroker("", channel='a"; DROP'), 'a"; DROP', id="psycopg"),
    ],
)
def test_special_characters_lose_their_meaning(broker: EventBroker, name: str) -> None:
    """Those that need it are escaped; PostgreSQL's are quoted, and Redis knows no patterns in plain channels."""
    assert name in repr(broker).replace("\\", "")


class TestEngine:
    def test_broker_takes_the_address_of_an_engine(self) -> None:
        engine = create_async_engine(
            "postgresql+asyncpg://me:pw@h:1/db?prepared_statement_cache_size=0"
        )
        broker = AsyncpgEventBroker.from_async_sqla_engine(engine, channel="c")
        assert repr(broker) == "AsyncpgEventBroker(\"h:1/db, channel 'c'\")"
        assert broker.secrets == ("pw",)
        psycopg = create_async_engine("postgresql+psycopg://me:pw@h:1/db")
        assert repr(PsycopgEventBroker.from_async_sqla_engine(psycopg)) == (
            "PsycopgEventBroker(\"h:1/db, channel 'rota'\")"
        )

    def test_engine_of_another_driver_is_refused(self) -> None:
        engine = create_async_engine("sqlite+aiosqlite://")
        with pytest.raises(ValueError, match=r"^engine must use asyncpg, got: aiosqlite$"):
            AsyncpgEventBroker.from_async_sqla_engine(engine)
        with pytest.raises(ValueError, match=r"^engine must use psycopg, got: aiosqlite$"):
            PsycopgEventBroker.from_async_sqla_engine(engine)
