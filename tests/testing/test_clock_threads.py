"""The virtual clock, and what goes on outside of one event loop: threads, sockets, other loops."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from rota.testing import VirtualClock

if TYPE_CHECKING:
    from rota.abc import Clock

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


async def tick(clock: Clock, every_seconds: float, times: list[datetime]) -> None:
    while True:
        await clock.sleep(every_seconds)
        times.append(clock.now())


@pytest.mark.anyio
class TestWorkOutsideOfTheLoop:
    async def test_time_waits_for_a_thread_that_is_marked_busy(
        self, virtual_clock: VirtualClock
    ) -> None:
        release = threading.Event()
        finished: list[datetime] = []

        async def work() -> None:
            with virtual_clock.busy():
                await anyio.to_thread.run_sync(release.wait)
                finished.append(virtual_clock.now())

        async with anyio.create_task_group() as group:
            group.start_soon(work)
            group.start_soon(virtual_clock.advance, HOUR)
            await virtual_clock.sleep(0)
            threading.Timer(0.05, release.set).start()
        assert finished == [START]
        assert virtual_clock.now() == START + HOUR

    async def test_busy_may_end_in_another_thread(self, virtual_clock: VirtualClock) -> None:
        """Time moves on when the last `busy` is given up, wherever that happens."""
        busy = virtual_clock.busy()
        busy.__enter__()
        timer = threading.Timer(0.02, busy.__exit__, (None, None, None))
        timer.start()
        await virtual_clock.advance(HOUR)
        assert not timer.is_alive() or timer.finished.is_set()
        assert virtual_clock.now() == START + HOUR

    async def test_sockets_are_read_before_time_moves(self, virtual_clock: VirtualClock) -> None:
        """A conversation over a loopback socket takes no virtual time."""
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        answered: list[datetime] = []

        async def echo(stream: anyio.abc.SocketStream) -> None:
            async with stream:
                await stream.send(await stream.receive())

        async def talk() -> None:
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await stream.send(b"hello")
                assert await stream.receive() == b"hello"
            answered.append(virtual_clock.now())

        async with listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, echo)
            group.start_soon(talk)
            await virtual_clock.advance(HOUR)
            group.cancel_scope.cancel()
        assert answered == [START]

    async def test_autojump_awaits_what_takes_time(self, virtual_clock: VirtualClock) -> None:
        with virtual_clock.autojump():
            await virtual_clock.sleep(3_600)
        assert virtual_clock.now() == START + HOUR
        await virtual_clock.sleep(0)
        assert virtual_clock.now() == START + HOUR


def test_what_is_posted_to_another_loop_is_done_before_time_moves() -> None:
    """The loop that posts may go idle at once; the other one was idle until then."""
    clock = VirtualClock(START)
    posted: list[datetime] = []
    done: list[datetime] = []

    async def own_loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    options = clock.backend_options("asyncio")
    with anyio.from_thread.start_blocking_portal(backend_options=options) as portal:
        loop = portal.call(own_loop)

        async def post() -> None:
            while True:
                await clock.sleep(1)
                posted.append(clock.now())
                loop.call_soon_threadsafe(lambda: done.append(clock.now()))

        async def main() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(post)
                await clock.advance(200)
                group.cancel_scope.cancel()

        clock.run(main)
    assert len(posted) == 200
    assert done == posted


class Rescue(logging.Handler):
    """Keeps what is logged, and lets time pass once something was."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._clock = clock

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
        threading.Thread(target=self._clock.advance_from_thread, args=(60,)).start()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_time_that_stands_still_is_explained(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that awaits what needs time, without letting it pass, hangs; the log says why, once."""
    for module in ("_asyncio_loop", "_trio_clock"):
        monkeypatch.setattr(f"rota.testing.{module}.PATIENCE_SECONDS", 0.001)
    clock = VirtualClock(START)
    rescue = Rescue(clock)
    logger = logging.getLogger("rota.testing")
    logger.addHandler(rescue)
    try:
        clock.run(clock.sleep, 60, backend=backend)
    finally:
        logger.removeHandler(rescue)
    assert [text.partition(":")[0] for text in rescue.texts] == [
        "virtual time stands still at 0.000000 s, and a task waits for 60.000000 s"
    ]


def test_executors_of_asyncio_hold_time() -> None:
    clock = VirtualClock(START)
    release = threading.Event()

    async def main() -> datetime:
        async with anyio.create_task_group() as group:
            group.start_soon(clock.advance, HOUR)
            await clock.sleep(0)
            threading.Timer(0.05, release.set).start()
            await asyncio.to_thread(release.wait)
            return clock.now()
        raise AssertionError

    assert clock.run(main) == START


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
class TestThreads:
    def test_loop_in_a_thread_is_advanced_from_outside(self, backend: str) -> None:
        clock = VirtualClock(START)
        times: list[datetime] = []
        with anyio.from_thread.start_blocking_portal(
            backend, clock.backend_options(backend)
        ) as portal:
            future = portal.start_task_soon(tick, clock, 60, times)
            clock.advance_from_thread(HOUR)
            assert times == [START + timedelta(minutes=n) for n in range(1, 61)]
            clock.advance_to_from_thread(START + 2 * HOUR)
            assert len(times) == 120
            future.cancel()
        assert clock.now() == START + 2 * HOUR

    def test_two_loops_share_one_time(self, backend: str) -> None:
        """Neither runs ahead, and those due at the same time run in the order in which they joined."""
        clock = VirtualClock(START)
        seen: list[tuple[datetime, str]] = []

        async def work(name: str, every: float) -> None:
            while True:
                await clock.sleep(every)
                seen.append((clock.now(), name))

        start = partial(anyio.from_thread.start_blocking_portal, backend)
        with (
            start(clock.backend_options(backend)) as one,
            start(clock.backend_options(backend)) as two,
        ):
            futures = [one.start_task_soon(work, "one", 2), two.start_task_soon(work, "two", 3)]
            clock.advance_from_thread(600)
            for future in futures:
                future.cancel()
        expected = [(n, "one") for n in range(2, 601, 2)] + [(n, "two") for n in range(3, 601, 3)]
        assert seen == [(START + timedelta(seconds=n), name) for n, name in sorted(expected)]

    def test_calls_between_loops_take_no_time(self, backend: str) -> None:
        clock = VirtualClock(START)
        with anyio.from_thread.start_blocking_portal(
            backend, clock.backend_options(backend)
        ) as portal:

            async def main() -> list[datetime]:
                times = []
                for _ in range(20):
                    await clock.advance(1)
                    with clock.busy():
                        times.append(await anyio.to_thread.run_sync(portal.call, clock.now))
                return times

            assert clock.run(main, backend=backend) == [
                START + timedelta(seconds=n) for n in range(1, 21)
            ]

    def test_blocking_the_own_loop_is_refused(self, backend: str) -> None:
        clock = VirtualClock(START)

        async def main() -> None:
            with pytest.raises(RuntimeError, match=r"would block the event loop .* await advance"):
                clock.advance_from_thread(1)

        clock.run(main, backend=backend)
