"""The local event broker: the promises of all brokers, and its own."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import AsyncExitStack
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest

from rota._environment import SystemClock
from rota.eventbrokers.local import LocalEventBroker
from rota.model import Event, SchedulerStopped, TaskAdded, TaskRemoved
from rota.testing import EventBrokerConformance, VirtualClock

if TYPE_CHECKING:
    from rota.abc import Clock

NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)
LOGGER = logging.getLogger("rota")


def added(task_id: str) -> TaskAdded:
    return TaskAdded(task_id=task_id, timestamp=NOW)


class TestConformance(EventBrokerConformance):
    def make_broker(self) -> LocalEventBroker:
        return LocalEventBroker()

    @pytest.fixture
    def clock(self, virtual_clock: VirtualClock) -> Clock:
        return virtual_clock


async def settle(clock: VirtualClock) -> None:
    """Let everything run that can."""
    await clock.advance(0)


class TestWants:
    def test_nothing_is_wanted_without_listeners(self) -> None:
        assert not LocalEventBroker().wants(TaskAdded)

    def test_only_the_types_of_listeners_are_wanted(self) -> None:
        broker = LocalEventBroker()
        subscription = broker.subscribe(print, {TaskAdded})
        assert broker.wants(TaskAdded)
        assert not broker.wants(TaskRemoved)
        subscription.unsubscribe()
        assert not broker.wants(TaskAdded)

    def test_inline_listeners_count(self) -> None:
        broker = LocalEventBroker()
        broker.subscribe_inline(print, {TaskAdded})
        assert broker.wants(TaskAdded)


@pytest.mark.anyio
class TestInlineListener:
    async def test_it_has_been_called_when_publish_returns(self) -> None:
        """No event loop of the broker's own is needed for that."""
        broker = LocalEventBroker()
        seen: list[Event] = []
        broker.subscribe_inline(seen.append, {TaskAdded})
        await broker.publish(added("a"), TaskRemoved(task_id="a", timestamp=NOW))
        assert seen == [added("a")]

    async def test_unsubscribed_it_is_not_called(self) -> None:
        broker = LocalEventBroker()
        seen: list[Event] = []
        with broker.subscribe_inline(seen.append, {TaskAdded}):
            pass
        await broker.publish(added("a"))
        assert seen == []

    async def test_what_it_raises_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        broker = LocalEventBroker()
        seen: list[Event] = []

        def fail(_event: Event) -> None:
            raise ZeroDivisionError

        broker.subscribe_inline(fail, {TaskAdded})
        broker.subscribe_inline(seen.append, {TaskAdded})
        await broker.publish(added("a"))
        assert seen == [added("a")]
        assert [record.message for record in caplog.records] == ["could not react to a TaskAdded"]


class TestSubscribe:
    def test_what_cannot_be_called_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"^callback must be callable, got: 5$"):
            LocalEventBroker().subscribe(5)  # type: ignore[arg-type]

    def test_coroutine_function_for_a_thread_is_refused(self) -> None:
        async def listen(event: Event) -> None:
            raise AssertionError

        with pytest.raises(TypeError, match=r"^a coroutine function cannot be called in a thread"):
            LocalEventBroker().subscribe(listen, is_async=False)

    @pytest.mark.parametrize("wrong", [int, "TaskAdded", added("a")])
    def test_what_is_no_class_of_events_is_refused(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match=r"^event_types must be classes of events, got: "):
            LocalEventBroker().subscribe(print, [TaskAdded, wrong])

    def test_queue_without_room_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"^queue_size must be at least 1, got: 0$"):
            LocalEventBroker(queue_size=0)


@pytest.mark.anyio
class TestDelivery:
    async def test_events_before_the_start_wait_for_it(self, virtual_clock: VirtualClock) -> None:
        broker = LocalEventBroker(queue_size=2)
        seen: list[Event] = []
        once: list[Event] = []
        broker.subscribe(seen.append)
        broker.subscribe(once.append, one_shot=True)
        await broker.publish(added("a"), added("b"), added("c"))
        async with AsyncExitStack() as exit_stack:
            await broker.start(exit_stack, LOGGER, virtual_clock)
            await settle(virtual_clock)
            assert seen == [added("a"), added("b")]
            assert once == [added("a")]
            assert broker.dropped_events == 1

    async def test_overflow_is_reported_again_after_the_queue_was_empty(
        self, virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        broker = LocalEventBroker(queue_size=2)
        seen: list[Event] = []
        broker.subscribe(seen.append)
        async with AsyncExitStack() as exit_stack:
            await broker.start(exit_stack, LOGGER, virtual_clock)
            for _ in range(2):
                await broker.publish(*[added("a")] * 5)
                await settle(virtual_clock)
        assert len(seen) == 4
        assert broker.dropped_events == 6
        assert len(caplog.records) == 2
        assert "does not keep up" in caplog.records[0].message

    async def test_busy_listener_lets_others_have_a_turn(self, virtual_clock: VirtualClock) -> None:
        """A long queue is not emptied in one go."""
        broker = LocalEventBroker()
        calls = 0

        def count(_event: Event) -> None:
            nonlocal calls
            calls += 1

        broker.subscribe(count)
        async with AsyncExitStack() as exit_stack:
            await broker.start(exit_stack, LOGGER, virtual_clock)
            await broker.publish(*[added("a")] * 1_000)
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            assert 0 < calls < 1_000
            await settle(virtual_clock)
        assert calls == 1_000

    async def test_blocked_listeners_hold_up_the_stop_for_a_second_only(
        self, virtual_clock: VirtualClock
    ) -> None:
        broker = LocalEventBroker()
        cancelled: list[Event] = []

        async def block(event: Event) -> None:
            try:
                await anyio.sleep_forever()
            finally:
                cancelled.append(event)

        exit_stack = AsyncExitStack()
        await broker.start(exit_stack, LOGGER, virtual_clock)
        broker.subscribe(block)
        await broker.publish(added("a"), added("b"))
        await settle(virtual_clock)
        with virtual_clock.autojump():
            await exit_stack.aclose()
        assert virtual_clock.monotonic() == 1
        assert cancelled == [added("a")]

    async def test_thread_that_blocks_is_left_behind_at_the_stop(self) -> None:
        """A blocking callback cannot be ended; the stop does not wait for it."""
        broker = LocalEventBroker()
        release, entered = threading.Event(), threading.Event()

        def block(_event: Event) -> None:
            entered.set()
            release.wait(10)

        async with anyio.create_task_group() as group, AsyncExitStack() as exit_stack:
            await broker.start(exit_stack, LOGGER, SystemClock())
            broker.subscribe(block, is_async=False)
            await broker.publish(added("a"))
            await anyio.to_thread.run_sync(entered.wait, 10)
            exit_stack.callback(group.cancel_scope.cancel)  # the stop itself is cut short
        assert not release.is_set()
        release.set()

    async def test_stop_by_an_error_does_not_wait_for_listeners(
        self, virtual_clock: VirtualClock
    ) -> None:
        broker = LocalEventBroker()
        broker.subscribe(lambda _event: anyio.sleep_forever())

        async def run() -> None:
            async with AsyncExitStack() as exit_stack:
                await broker.start(exit_stack, LOGGER, virtual_clock)
                await broker.publish(added("a"))
                await settle(virtual_clock)
                raise ZeroDivisionError

        with pytest.raises(BaseException) as raised:  # noqa: PT011 - a group, of a class that 3.10 lacks
            await run()
        assert [type(exc) for exc in raised.value.exceptions] == [ZeroDivisionError]  # type: ignore[attr-defined]
        assert virtual_clock.monotonic() == 0

    async def test_thread_of_a_listener_holds_virtual_time(
        self, virtual_clock: VirtualClock
    ) -> None:
        broker = LocalEventBroker()
        release = threading.Event()
        times: list[datetime] = []

        def block(_event: Event) -> None:
            release.wait(10)
            times.append(virtual_clock.now())

        async with AsyncExitStack() as exit_stack:
            await broker.start(exit_stack, LOGGER, virtual_clock)
            broker.subscribe(block, is_async=False)
            await broker.publish(added("a"))
            threading.Timer(0.02, release.set).start()
            await virtual_clock.advance(60)
        assert times == [NOW]


@pytest.mark.anyio
class TestSeveralStarts:
    """Schedulers of one process may share a broker."""

    async def test_the_stop_of_one_leaves_its_listeners_to_the_others(
        self, virtual_clock: VirtualClock
    ) -> None:
        broker = LocalEventBroker()
        seen: list[Event] = []
        async with AsyncExitStack() as first:
            await broker.start(first, LOGGER, virtual_clock)
            async with AsyncExitStack() as second:
                await broker.start(second, LOGGER, virtual_clock)
                broker.subscribe(seen.append)
                await broker.publish(added("a"))
                await settle(virtual_clock)
            await broker.publish(added("b"))
            await settle(virtual_clock)
            assert seen == [added("a"), added("b")]

    async def test_after_the_last_stop_events_wait_for_another_start(
        self, virtual_clock: VirtualClock
    ) -> None:
        broker = LocalEventBroker()
        seen: list[Event] = []
        broker.subscribe(seen.append)
        for task_id in ("a", "b"):
            await broker.publish(added(task_id))
            async with AsyncExitStack() as exit_stack:
                await broker.start(exit_stack, LOGGER, virtual_clock)
                await settle(virtual_clock)
        assert seen == [added("a"), added("b")]

    async def test_listener_is_called_on_the_loop_that_it_subscribed_on(
        self, anyio_backend_name: str
    ) -> None:
        broker = LocalEventBroker()
        subscribed, published = threading.Event(), threading.Event()
        subscribers: dict[str, int] = {}
        callers: dict[str, int] = {}

        async def listen(exit_stack: AsyncExitStack, name: str) -> None:
            await broker.start(exit_stack, LOGGER, SystemClock())
            broker.subscribe(lambda _event: callers.update({name: threading.get_ident()}))
            subscribers[name] = threading.get_ident()

        async def listen_in_thread() -> None:
            async with AsyncExitStack() as exit_stack:
                await listen(exit_stack, "there")
                subscribed.set()
                await anyio.to_thread.run_sync(published.wait, 10)

        run = partial(anyio.run, listen_in_thread, backend=anyio_backend_name)
        async with anyio.create_task_group() as group, AsyncExitStack() as exit_stack:
            await listen(exit_stack, "here")
            group.start_soon(anyio.to_thread.run_sync, run)
            await anyio.to_thread.run_sync(subscribed.wait, 10)
            await broker.publish(added("a"))
            published.set()
        assert len(set(subscribers.values())) == 2
        assert callers == subscribers


def test_cancelled_future_inside_a_listener_stops_nobody() -> None:
    """Whatever asyncio program cancels what a listener awaits, the listener is called with the next event."""
    clock = VirtualClock(NOW)
    broker = LocalEventBroker()
    calls: list[Event] = []
    seen: list[Event] = []

    async def listen(event: Event) -> None:
        calls.append(event)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async def main() -> None:
        async with AsyncExitStack() as exit_stack:
            await broker.start(exit_stack, LOGGER, clock)
            broker.subscribe(listen)
            broker.subscribe(seen.append)
            await broker.publish(added("a"))
            await settle(clock)
            await broker.publish(SchedulerStopped(timestamp=NOW))
            await settle(clock)

    clock.run(main)
    assert calls == seen == [added("a"), SchedulerStopped(timestamp=NOW)]


def test_listener_is_called_though_a_plain_thread_publishes() -> None:
    """What the event loop calls on behalf of another thread is no task, and could not start one."""
    broker = LocalEventBroker()

    async def main() -> None:
        called = anyio.Event()
        async with AsyncExitStack() as exit_stack:
            await broker.start(exit_stack, LOGGER, SystemClock())
            broker.subscribe(lambda _event: called.set())
            thread = threading.Thread(target=lambda: asyncio.run(broker.publish(added("a"))))
            thread.start()
            with anyio.fail_after(10):
                await called.wait()
            thread.join()

    asyncio.run(main())
