"""The promises of event brokers as a suite of tests, for every broker."""

from __future__ import annotations

import logging
import threading
from contextlib import AsyncExitStack
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest

from rota._environment import SystemClock
from rota.model import (
    DataStoreEvent,
    Event,
    JobAdded,
    SchedulerEvent,
    SchedulerStarted,
    SchedulerStopped,
    TaskAdded,
    TaskRemoved,
)
from rota.testing._sample_events import NOW, sample_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from rota.abc import Clock, EventBroker

__all__ = ["EventBrokerConformance"]

TIMEOUT_SECONDS = 30.0
_variable: ContextVar[str] = ContextVar("rota_conformance_variable", default="unset")


class Received:
    """A listener that keeps what it is told, and can be waited for."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = anyio.Event()

    def __call__(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)
        self._changed.set()

    async def wait(self, count: int) -> list[Event]:
        """Wait until there are `count` events, and return them."""
        with anyio.fail_after(TIMEOUT_SECONDS):
            while len(self.events) < count:
                self._changed = anyio.Event()
                await self._changed.wait()
        return self.events


def added(task_id: str) -> TaskAdded:
    """Make an event that is told from others by `task_id`."""
    return TaskAdded(task_id=task_id, timestamp=NOW)


def of_rota(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what rota has logged; asyncio, too, may have something to say."""
    return [record for record in caplog.records if record.name == "rota"]


class EventBrokerConformance:
    """The tests; a class derived from this one runs them with pytest on what its `make_broker` returns.

    For example::

        class TestMyBroker(EventBrokerConformance):
            def make_broker(self) -> EventBroker:
                return MyBroker("localhost")

    The tests are asynchronous and run on the backends of AnyIO's `anyio_backend` fixture. The fixture `clock`
    may be overridden.
    """

    pytestmark: pytest.MarkDecorator = pytest.mark.anyio

    def make_broker(self) -> EventBroker:
        """Return a broker that was not started."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Clock:
        """Provide the clock that the broker is started with."""
        return SystemClock()

    @pytest.fixture
    async def broker(self, clock: Clock) -> AsyncIterator[EventBroker]:
        """Provide a broker that was started."""
        async with AsyncExitStack() as exit_stack:
            broker = self.make_broker()
            await broker.start(exit_stack, logging.getLogger("rota"), clock)
            yield broker

    @pytest.mark.parametrize("event", sample_events(), ids=lambda event: type(event).__name__)
    async def test_event_arrives_unchanged(self, broker: EventBroker, event: Event) -> None:
        received = Received()
        broker.subscribe(received)
        await broker.publish(event)
        assert await received.wait(1) == [event]

    async def test_events_arrive_in_order(self, broker: EventBroker) -> None:
        received = Received()
        broker.subscribe(received)
        events = [added(f"{number}") for number in range(500)]
        await broker.publish(*events[:200])
        for event in events[200:]:
            await broker.publish(event)
        assert await received.wait(500) == events

    async def test_local_event_arrives(self, broker: EventBroker) -> None:
        received = Received()
        broker.subscribe(received)
        await broker.publish_local(SchedulerStarted(timestamp=NOW))
        assert await received.wait(1) == [SchedulerStarted(timestamp=NOW)]

    @pytest.mark.parametrize(
        ("wanted", "count"),
        [
            pytest.param(None, 18, id="all"),
            pytest.param({Event}, 18, id="base-class"),
            pytest.param({DataStoreEvent}, 11, id="data-store-events"),
            pytest.param({SchedulerEvent}, 7, id="scheduler-events"),
            pytest.param([JobAdded, TaskAdded], 2, id="two-classes"),
        ],
    )
    async def test_listener_gets_the_types_that_it_asked_for(
        self, broker: EventBroker, wanted: Iterable[type[Event]] | None, count: int
    ) -> None:
        received = Received()
        broker.subscribe(received, wanted)
        everything = Received()
        broker.subscribe(everything)
        events = sample_events()
        await broker.publish(*events)
        await everything.wait(len(events))
        classes = tuple(wanted or {Event})
        expected = [event for event in events if isinstance(event, classes)]
        assert len(expected) == count
        assert await received.wait(count) == expected

    async def test_type_that_somebody_listens_to_is_wanted(self, broker: EventBroker) -> None:
        subscription = broker.subscribe(Received(), {DataStoreEvent})
        assert broker.wants(TaskAdded)
        subscription.unsubscribe()
        broker.subscribe(Received(), {TaskAdded})
        assert broker.wants(TaskAdded)

    async def test_coroutine_function_is_awaited(self, broker: EventBroker) -> None:
        received = Received()

        async def listen(event: Event) -> None:
            await anyio.lowlevel.checkpoint()
            received(event)

        broker.subscribe(listen)
        await broker.publish(added("a"), added("b"))
        assert await received.wait(2) == [added("a"), added("b")]

    async def test_blocking_callback_runs_in_a_thread(self, broker: EventBroker) -> None:
        """The event loop goes on while the callback blocks."""
        release = threading.Event()
        received = Received()
        threads: list[int] = []

        def block(_event: Event) -> None:
            threads.append(threading.get_ident())
            release.wait(TIMEOUT_SECONDS)

        broker.subscribe(block, is_async=False)
        broker.subscribe(received)
        await broker.publish(added("a"))
        await received.wait(1)
        while not threads:
            await anyio.lowlevel.checkpoint()
        release.set()
        assert threads != [threading.get_ident()]

    async def test_one_shot_listener_is_called_once(self, broker: EventBroker) -> None:
        once, always = Received(), Received()
        broker.subscribe(once, {TaskAdded}, one_shot=True)
        broker.subscribe(always)
        await broker.publish(TaskRemoved(task_id="x", timestamp=NOW), added("a"), added("b"))
        await broker.publish(added("c"))
        await always.wait(4)
        assert await once.wait(1) == [added("a")]

    async def test_unsubscribed_listener_is_not_called(self, broker: EventBroker) -> None:
        gone, stays = Received(), Received()
        subscription = broker.subscribe(gone)
        broker.subscribe(stays)
        await broker.publish(added("a"))
        await gone.wait(1)
        subscription.unsubscribe()
        subscription.unsubscribe()
        await broker.publish(added("b"))
        await stays.wait(2)
        assert gone.events == [added("a")]

    async def test_subscription_ends_with_its_block(self, broker: EventBroker) -> None:
        gone, stays = Received(), Received()
        broker.subscribe(stays)
        with broker.subscribe(gone):
            await broker.publish(added("a"))
            await gone.wait(1)
        await broker.publish(added("b"))
        await stays.wait(2)
        assert gone.events == [added("a")]

    async def test_listener_that_unsubscribes_itself_is_not_called_again(
        self, broker: EventBroker
    ) -> None:
        """Not even with the events that were in its queue already; others are not affected."""
        calls: list[Event] = []
        stays = Received()

        def leave(event: Event) -> None:
            calls.append(event)
            subscription.unsubscribe()

        subscription = broker.subscribe(leave)
        broker.subscribe(stays)
        await broker.publish(added("a"), added("b"), added("c"))
        await stays.wait(3)
        assert calls == [added("a")]

    async def test_listener_may_subscribe_another(self, broker: EventBroker) -> None:
        late = Received()
        broker.subscribe(lambda _event: broker.subscribe(late), {TaskAdded}, one_shot=True)
        witness = Received()
        broker.subscribe(witness, {TaskAdded})
        await broker.publish(added("a"))
        await witness.wait(1)
        await broker.publish(TaskRemoved(task_id="x", timestamp=NOW))
        assert await late.wait(1) == [TaskRemoved(task_id="x", timestamp=NOW)]

    @pytest.mark.parametrize("kind", ["function", "coroutine-function", "thread"])
    async def test_raising_listener_is_reported_and_called_again(
        self, broker: EventBroker, caplog: pytest.LogCaptureFixture, kind: str
    ) -> None:
        """The publisher and the other listeners see nothing of it, be it that the listener wants to end the process."""
        witness, failures = Received(), Received()
        errors = [ZeroDivisionError("from the listener"), SystemExit("from the listener")]

        def fail(event: Event) -> None:
            failures.events.append(event)
            raise errors[len(failures.events) - 1]

        async def fail_later(event: Event) -> None:
            await anyio.lowlevel.checkpoint()
            fail(event)

        broker.subscribe(
            fail_later if kind == "coroutine-function" else fail, is_async=kind != "thread"
        )
        broker.subscribe(witness)
        await broker.publish(added("a"))
        await broker.publish(added("b"))
        assert await witness.wait(2) == [added("a"), added("b")]
        with anyio.fail_after(TIMEOUT_SECONDS):
            while len(of_rota(caplog)) < 2:
                await anyio.lowlevel.checkpoint()
        assert failures.events == [added("a"), added("b")]
        raised = [record.exc_info[0] for record in of_rota(caplog) if record.exc_info]
        assert raised == [ZeroDivisionError, SystemExit]

    async def test_listener_that_never_returns_delays_nobody(self, broker: EventBroker) -> None:
        """Neither the publisher, nor other listeners."""
        witness = Received()
        subscription = broker.subscribe(lambda _event: anyio.sleep_forever())
        broker.subscribe(witness)
        for number in range(100):
            await broker.publish(added(f"{number}"))
        await witness.wait(100)
        subscription.unsubscribe()

    async def test_queue_of_a_slow_listener_is_bounded(
        self, broker: EventBroker, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What does not fit is dropped, counted and reported once; the listener goes on when it can."""
        release = anyio.Event()
        slow, witness = Received(), Received()

        async def listen(event: Event) -> None:
            await release.wait()
            slow(event)

        broker.subscribe(listen)
        broker.subscribe(witness)
        published = 0
        while not broker.dropped_events and published < 1_000_000:
            events = [added(f"{number}") for number in range(published, published + 100)]
            await broker.publish_local(*events)
            published += 100
            await witness.wait(published)
        assert 0 < broker.dropped_events <= 100
        assert len(of_rota(caplog)) == 1
        release.set()
        kept = published - broker.dropped_events
        assert await slow.wait(kept) == witness.events[:kept]

    async def test_cancellation_inside_a_listener_stops_nobody(self, broker: EventBroker) -> None:
        """What a listener awaits may be cancelled by others; that says nothing about the broker."""
        witness, second = Received(), Received()

        async def cancelled(event: Event) -> None:
            second(event)
            with anyio.CancelScope() as scope:
                scope.cancel()
                await anyio.sleep_forever()

        broker.subscribe(cancelled)
        broker.subscribe(witness)
        await broker.publish(added("a"))
        await witness.wait(1)
        await broker.publish(added("b"))
        assert await witness.wait(2) == await second.wait(2)

    async def test_listener_is_called_in_the_context_of_its_subscription(
        self, broker: EventBroker
    ) -> None:
        seen: list[str] = []
        witness = Received()
        token = _variable.set("subscriber")
        broker.subscribe(lambda _event: seen.append(_variable.get()))
        _variable.reset(token)
        broker.subscribe(witness)
        token = _variable.set("publisher")
        await broker.publish(added("a"))
        await broker.publish(added("b"))
        _variable.reset(token)
        await witness.wait(2)
        assert seen == ["subscriber", "subscriber"]

    async def test_subscribing_is_possible_before_the_start(self, clock: Clock) -> None:
        received = Received()
        broker = self.make_broker()
        broker.subscribe(received)
        async with AsyncExitStack() as exit_stack:
            await broker.start(exit_stack, logging.getLogger("rota"), clock)
            await broker.publish(added("a"))
            assert await received.wait(1) == [added("a")]

    async def test_last_events_before_the_stop_arrive(self, clock: Clock) -> None:
        """A listener is told that the scheduler stopped, although the broker stops with it."""
        events: list[Event] = []

        async def listen(event: Event) -> None:
            await anyio.lowlevel.checkpoint()
            events.append(event)

        async with AsyncExitStack() as exit_stack:
            broker = self.make_broker()
            await broker.start(exit_stack, logging.getLogger("rota"), clock)
            broker.subscribe(listen)
            await broker.publish_local(added("a"), SchedulerStopped(timestamp=NOW))
        assert events == [added("a"), SchedulerStopped(timestamp=NOW)]

    async def test_other_threads_may_publish(
        self, broker: EventBroker, clock: Clock, anyio_backend_name: str
    ) -> None:
        """A synchronous scheduler has its event loop in a thread."""
        received = Received()
        loop_thread = threading.get_ident()
        threads: set[int] = set()

        def listen(event: Event) -> None:
            threads.add(threading.get_ident())
            received(event)

        broker.subscribe(listen)
        events = [added(f"{number}") for number in range(200)]
        with clock.busy():
            publish = partial(broker.publish_local, *events)
            await anyio.to_thread.run_sync(partial(anyio.run, publish, backend=anyio_backend_name))
        assert await received.wait(200) == events
        assert threads == {loop_thread}

    async def test_publishing_after_the_stop_does_not_raise(self, clock: Clock) -> None:
        broker = self.make_broker()
        async with AsyncExitStack() as exit_stack:
            await broker.start(exit_stack, logging.getLogger("rota"), clock)
        broker.subscribe(Received())
        await broker.publish_local(added("a"))
