"""The promises of event brokers that reach other processes, as a suite of tests."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import anyio
import pytest

from rota.model import Event, JobOutcome, JobReleased
from rota.testing._eventbroker import (
    TIMEOUT_SECONDS,
    EventBrokerConformance,
    Received,
    added,
    of_rota,
)
from rota.testing._sample_events import NOW, sample_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from anyio.abc import TaskStatus

    from rota.abc import Clock, EventBroker

__all__ = ["RemoteEventBrokerConformance"]

_HEAD = b"rota-events-2 1 TaskAdded x\n"  #: of a message of rota's, so that what follows it is looked at


def released(job_id: UUID, text: str) -> JobReleased:
    """Make the event of a job that raised an exception with a text."""
    return JobReleased(
        timestamp=NOW,
        job_id=job_id,
        scheduler_id="host-1",
        task_id="task",
        schedule_id="schedule",
        outcome=JobOutcome.error,
        exception_type="ValueError",
        exception_message=text,
        exception_traceback=[text] * 10,
    )


class RemoteEventBrokerConformance(EventBrokerConformance):
    """The tests of `EventBrokerConformance`, and those of two brokers that are connected to each other.

    `make_broker` must return a new broker each time, all of one test on the same channel, and those of another test on
    another one. `send_raw` must send bytes to that channel by other means.
    """

    async def send_raw(self, data: bytes) -> None:
        """Send bytes to the channel of the brokers."""
        raise NotImplementedError

    @pytest.fixture
    async def peer(self, clock: Clock) -> AsyncIterator[EventBroker]:
        """Provide a second broker that was started, as if in another process."""
        async with AsyncExitStack() as exit_stack:
            broker = self.make_broker()
            await broker.start(exit_stack, logging.getLogger("rota"), clock)
            yield broker

    @pytest.mark.parametrize("event", sample_events(), ids=lambda event: type(event).__name__)
    async def test_event_reaches_the_other_unchanged(
        self, broker: EventBroker, peer: EventBroker, event: Event
    ) -> None:
        received = Received()
        peer.subscribe(received)
        await broker.publish(event)
        assert await received.wait(1) == [event]

    async def test_events_reach_the_other_once_and_in_order(
        self, broker: EventBroker, peer: EventBroker
    ) -> None:
        """Those published in groups, and those published one by one."""
        received = Received()
        peer.subscribe(received)
        events = [added(f"{number}") for number in range(1_000)]
        await broker.publish(*events[:900])
        for event in events[900:]:
            await broker.publish(event)
        await received.wait(1_000)
        await self._let_echoes_arrive(broker, peer)
        assert received.events[:-1] == events

    async def test_own_events_arrive_once(self, broker: EventBroker, peer: EventBroker) -> None:
        """They are told at once, and not again when the server passes them on."""
        received = Received()
        broker.subscribe(received)
        await broker.publish(added("a"), added("b"))
        await received.wait(2)
        await self._let_echoes_arrive(peer, broker)
        assert received.events[:-1] == [added("a"), added("b")]

    async def _let_echoes_arrive(self, one: EventBroker, other: EventBroker) -> None:
        """Send something after all else, and wait for it: a server keeps the order."""
        last = Received()
        with other.subscribe(last):
            await one.publish(added("last"))
            while added("last") not in last.events:
                await last.wait(len(last.events) + 1)

    async def test_local_event_does_not_reach_the_other(
        self, broker: EventBroker, peer: EventBroker
    ) -> None:
        received = Received()
        peer.subscribe(received)
        await broker.publish_local(added("here"))
        await broker.publish(added("everywhere"))
        assert await received.wait(1) == [added("everywhere")]

    async def test_everything_may_be_wanted_elsewhere(self, broker: EventBroker) -> None:
        assert all(broker.wants(type(event)) for event in sample_events())

    async def test_event_that_is_too_large_arrives_without_its_texts(
        self, broker: EventBroker, peer: EventBroker
    ) -> None:
        """It can be looked up in the data store; the others in its group are not affected."""
        first, large, last = sample_events()[0], sample_events()[-1], sample_events()[1]
        assert isinstance(large, JobReleased)
        received = Received()
        peer.subscribe(received)
        await broker.publish(first, released(large.job_id, "\U0001f4a5" * 300_000), last)
        events = await received.wait(3)
        assert [events[0], events[2]] == [first, last]
        short = events[1]
        assert isinstance(short, JobReleased)
        assert (short.job_id, short.outcome) == (large.job_id, JobOutcome.error)
        assert short.exception_message in {"\U0001f4a5" * 500, "\U0001f4a5" * 50}
        assert short.exception_traceback is None

    async def test_event_that_cannot_be_sent_is_dropped_and_counted(
        self, broker: EventBroker, peer: EventBroker, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An id may be too large for the transport; then nothing is left to be sent."""
        received, here = Received(), Received()
        peer.subscribe(received)
        broker.subscribe(here)
        huge = added("x" * 300_000)
        await broker.publish(huge, huge, added("a"))
        assert await received.wait(1) == [added("a")]
        assert await here.wait(3) == [huge, huge, added("a")]
        assert broker.dropped_events == 2
        assert [record.message[:60] for record in of_rota(caplog)] == [
            "a TaskAdded cannot be sent to other processes: it must have "
        ]

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"hello", id="text"),
            pytest.param(b"\x80\x04\x95", id="binary"),
            pytest.param(b"null", id="another-value"),
            pytest.param(b"[" * 3_000, id="deeply-nested"),
            pytest.param(_HEAD, id="no-events"),
            pytest.param(_HEAD + b"\x80\x04\x95", id="binary-events"),
            pytest.param(_HEAD + b"[" * 3_000, id="deeply-nested-events"),
            pytest.param(_HEAD + b"9" * 5_000, id="huge-number"),
            pytest.param(_HEAD + b"[1]", id="not-an-event"),
            pytest.param(_HEAD + b"{}", id="not-a-list"),
            pytest.param(
                _HEAD + b'[{"_rota_json":["subprocess:Popen",{"args":"true"}]}]',
                id="class-that-is-not-registered",
            ),
            pytest.param(
                _HEAD + b'[{"_rota_json":["rota_hostile_module:Event",{}]}]',
                id="module-that-is-not-imported",
            ),
            pytest.param(
                _HEAD + b'[{"_rota_json":["rota:JobAdded",{"job_id":1}]}]',
                id="event-with-missing-fields",
            ),
            pytest.param(
                _HEAD + b'[{"_rota_json":["rota:TaskDefaults",{}]}]',
                id="registered-class-that-is-no-event",
            ),
        ],
    )
    async def test_foreign_messages_are_ignored_and_reported_once(
        self,
        broker: EventBroker,
        peer: EventBroker,
        clock: Clock,
        caplog: pytest.LogCaptureFixture,
        data: bytes,
    ) -> None:
        received = Received()
        peer.subscribe(received)
        broker.subscribe(Received())
        for _ in range(3):
            await self.send_raw(data)
        with anyio.fail_after(TIMEOUT_SECONDS):
            while len(of_rota(caplog)) < 2:  # one of each broker
                await clock.sleep(0.005)
        await self._let_echoes_arrive(broker, peer)
        assert received.events == [added("last")]
        records = of_rota(caplog)
        assert len(records) == 2
        assert "messages that are not rota's are ignored" in records[0].message

    async def test_last_events_before_the_stop_reach_the_other(
        self, peer: EventBroker, clock: Clock
    ) -> None:
        """A process may end right after it has added a job."""
        received = Received()
        peer.subscribe(received)
        async with AsyncExitStack() as exit_stack:
            broker = self.make_broker()
            await broker.start(exit_stack, logging.getLogger("rota"), clock)
            await broker.publish(*[added(f"{number}") for number in range(200)])
        assert len(await received.wait(200)) == 200

    async def test_events_after_the_stop_are_not_kept(
        self, peer: EventBroker, clock: Clock
    ) -> None:
        received = Received()
        peer.subscribe(received)
        broker = self.make_broker()
        for task_id in ("a", "b"):
            async with AsyncExitStack() as exit_stack:
                await broker.start(exit_stack, logging.getLogger("rota"), clock)
                await broker.publish(added(task_id))
            await broker.publish(added("stopped"))
        assert await received.wait(2) == [added("a"), added("b")]

    async def test_another_start_takes_the_connection_over(
        self, peer: EventBroker, clock: Clock
    ) -> None:
        """Schedulers of one process share a broker; events go on when the first one stops."""
        broker, received, returned = self.make_broker(), Received(), Received()
        peer.subscribe(received)
        logger = logging.getLogger("rota")
        stop, stopped = anyio.Event(), anyio.Event()

        async def start_first(*, task_status: TaskStatus[None]) -> None:
            async with AsyncExitStack() as exit_stack:
                await broker.start(exit_stack, logger, clock)
                task_status.started()
                await stop.wait()
            stopped.set()

        async with anyio.create_task_group() as group:
            await group.start(start_first)
            async with AsyncExitStack() as exit_stack:
                await broker.start(exit_stack, logger, clock)
                await broker.publish(added("a"))
                await received.wait(1)
                stop.set()
                await stopped.wait()
                await broker.publish(added("b"))
                assert await received.wait(2) == [added("a"), added("b")]
                broker.subscribe(returned)
                with anyio.fail_after(TIMEOUT_SECONDS):
                    while added("c") not in returned.events:
                        await peer.publish(added("c"))
                        await clock.sleep(0.005)
