"""The virtual clock on both backends."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from rota._environment import SystemClock, current_clock
from rota.testing import VirtualClock
from rota.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from rota.abc import Clock

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


async def tick(clock: Clock, every_seconds: float, times: list[datetime]) -> None:
    while True:
        await clock.sleep(every_seconds)
        times.append(clock.now())


@pytest.mark.anyio
class TestAdvance:
    async def test_time_stands_still_without_it(self, virtual_clock: VirtualClock) -> None:
        """However often tasks yield, no time passes."""
        for _ in range(100):
            await virtual_clock.sleep(0)
        assert virtual_clock.now() == START
        assert virtual_clock.monotonic() == 0

    async def test_it_stops_at_every_deadline(self, virtual_clock: VirtualClock) -> None:
        """A sleeper sees each of its wake-up times exactly, the last one included."""
        times: list[datetime] = []
        async with anyio.create_task_group() as group:
            group.start_soon(tick, virtual_clock, 60, times)
            await virtual_clock.advance(HOUR)
            group.cancel_scope.cancel()
        assert times == [START + timedelta(minutes=n) for n in range(1, 61)]
        assert virtual_clock.now() == START + HOUR

    async def test_it_ends_where_nothing_is_due(self, virtual_clock: VirtualClock) -> None:
        await virtual_clock.advance(0.000_001)
        assert virtual_clock.now() == START + timedelta(microseconds=1)
        await virtual_clock.advance_to(START + HOUR)
        assert virtual_clock.now() == START + HOUR

    async def test_week_of_minutes_keeps_to_the_microsecond(
        self, virtual_clock: VirtualClock
    ) -> None:
        """Sums of floating-point deadlines do not drift away from the wall clock."""
        times: list[datetime] = []
        async with anyio.create_task_group() as group:
            group.start_soon(tick, virtual_clock, 60, times)
            await virtual_clock.advance(timedelta(days=7))
            group.cancel_scope.cancel()
        assert times == [START + timedelta(minutes=n) for n in range(1, 7 * 24 * 60 + 1)]

    @pytest.mark.parametrize("seconds", [0.1, 0.000_001, 1 / 3, 1e-9])
    async def test_far_from_the_start_short_sleeps_still_end(
        self, virtual_clock: VirtualClock, seconds: float
    ) -> None:
        """After thirty years a float is coarser than the finest deadline; nothing hangs or is skipped."""
        await virtual_clock.advance(timedelta(days=30 * 365, microseconds=7))
        before = virtual_clock.now()
        with anyio.move_on_after(1, shield=True):
            async with anyio.create_task_group() as group:
                group.start_soon(virtual_clock.sleep, seconds)
                await virtual_clock.advance(seconds)
        assert virtual_clock.now() - before <= timedelta(seconds=seconds, microseconds=1)

    async def test_what_follows_from_a_deadline_happens_before_it_returns(
        self, virtual_clock: VirtualClock
    ) -> None:
        """A chain of hand-overs that starts at the very end of the period is run to its end."""
        send, receive = anyio.create_memory_object_stream[int](0)
        got: list[int] = []

        async def produce() -> None:
            await virtual_clock.sleep(10)
            for number in range(50):
                await send.send(number)

        async def consume() -> None:
            async for number in receive:
                got.append(number)  # noqa: PERF401 - what has arrived so far is looked at

        async with anyio.create_task_group() as group:
            group.start_soon(produce)
            group.start_soon(consume)
            await virtual_clock.advance(10)
            assert got == list(range(50))
            group.cancel_scope.cancel()
        send.close()
        receive.close()

    async def test_timeouts_of_anyio_follow(self, virtual_clock: VirtualClock) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(virtual_clock.advance, 5)
            with anyio.move_on_after(5) as scope:
                await anyio.sleep_forever()
        assert scope.cancelled_caught
        assert virtual_clock.now() == START + timedelta(seconds=5)

    async def test_two_at_once_each_return_at_their_own_time(
        self, virtual_clock: VirtualClock
    ) -> None:
        ends: list[tuple[str, timedelta]] = []

        async def advance(name: str, seconds: float) -> None:
            await virtual_clock.advance(seconds)
            ends.append((name, virtual_clock.now() - START))

        async with anyio.create_task_group() as group:
            group.start_soon(advance, "long", 20)
            group.start_soon(advance, "short", 10)
        assert ends == [("short", timedelta(seconds=10)), ("long", timedelta(seconds=20))]

    async def test_a_cancelled_one_moves_time_no_further(self, virtual_clock: VirtualClock) -> None:
        times: list[datetime] = []
        async with anyio.create_task_group() as group:
            group.start_soon(tick, virtual_clock, 60, times)
            with anyio.move_on_after(150):
                await virtual_clock.advance(HOUR)
            await virtual_clock.sleep(0)
            group.cancel_scope.cancel()
        assert virtual_clock.now() == START + timedelta(seconds=150)
        assert len(times) == 2

    @pytest.mark.parametrize("by", [-1, timedelta(microseconds=-1)])
    async def test_going_back_is_refused(
        self, virtual_clock: VirtualClock, by: timedelta | float
    ) -> None:
        with pytest.raises(ValueError, match=r"^time only moves forward, got: "):
            await virtual_clock.advance(by)

    async def test_to_a_past_or_naive_time_is_refused(self, virtual_clock: VirtualClock) -> None:
        with pytest.raises(ValueError, match=r"^time only moves forward, got: -1 day"):
            await virtual_clock.advance_to(START - HOUR)
        with pytest.raises(ValueError, match=r"must have a time zone here, got: 2025-01-02"):
            await virtual_clock.advance_to(datetime(2025, 1, 2))  # noqa: DTZ001 - refused

    async def test_an_error_at_a_deadline_reaches_the_test(
        self, virtual_clock: VirtualClock
    ) -> None:
        async def fail() -> None:
            await virtual_clock.sleep(3)
            raise ZeroDivisionError

        with pytest.raises(BaseException) as raised:  # noqa: PT011, PT012 - a group, of a class that 3.10 lacks
            async with anyio.create_task_group() as group:
                group.start_soon(fail)
                await virtual_clock.advance(HOUR)
        assert [type(e) for e in raised.value.exceptions] == [ZeroDivisionError]  # type: ignore[attr-defined]
        assert virtual_clock.now() == START + timedelta(seconds=3)


@pytest.mark.anyio
class TestWallClock:
    async def test_setting_it_does_not_move_monotonic_time(
        self, virtual_clock: VirtualClock
    ) -> None:
        await virtual_clock.advance(10)
        virtual_clock.set_wall(START - HOUR)
        assert virtual_clock.now() == START - HOUR
        assert virtual_clock.monotonic() == 10
        await virtual_clock.advance(5)
        assert virtual_clock.now() == START - HOUR + timedelta(seconds=5)

    async def test_it_is_told_in_utc(self, virtual_clock: VirtualClock) -> None:
        virtual_clock.set_wall(datetime(2025, 6, 1, 14, tzinfo=timezone(timedelta(hours=2))))
        assert virtual_clock.now().isoformat() == "2025-06-01T12:00:00+00:00"

    async def test_a_skewed_view_shares_the_time(self, virtual_clock: VirtualClock) -> None:
        """Another machine sleeps as long, and only its wall clock is wrong."""
        other = virtual_clock.skewed(timedelta(minutes=-5))
        async with anyio.create_task_group() as group:
            group.start_soon(virtual_clock.advance, 60)
            await other.sleep(60)
        assert other.now() == START - timedelta(minutes=4)
        assert other.monotonic() == virtual_clock.monotonic() == 60
        other.set_wall(START)
        assert virtual_clock.now() == START + timedelta(minutes=1)

    async def test_within_a_test_it_is_the_current_clock(self, virtual_clock: VirtualClock) -> None:
        assert current_clock() is virtual_clock


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
class TestRun:
    def test_it_returns_the_result_and_is_current_inside(self, backend: str) -> None:
        clock = VirtualClock(START)

        async def main(number: int) -> tuple[int, Clock]:
            await clock.advance(number)
            return number, current_clock()

        assert clock.run(main, 5, backend=backend) == (5, clock)
        assert clock.now() == START + timedelta(seconds=5)
        assert isinstance(current_clock(), SystemClock)

    def test_triggers_start_at_virtual_now(self, backend: str) -> None:
        clock = VirtualClock(START)

        async def main() -> datetime | None:
            await clock.advance(60)
            return IntervalTrigger(hours=1).next()

        assert clock.run(main, backend=backend) == START + timedelta(minutes=1)

    def test_a_second_one_goes_on_from_there(self, backend: str) -> None:
        clock = VirtualClock(START)
        clock.run(clock.advance, 5, backend=backend)
        clock.run(clock.advance, 5, backend=backend)
        assert clock.monotonic() == 10

    def test_a_plain_event_loop_is_refused(self, backend: str) -> None:
        """Sleeping there would take real time, and be woken by nothing."""
        with pytest.raises(RuntimeError, match="does not follow the virtual clock: start it with"):
            anyio.run(VirtualClock().sleep, 1, backend=backend)

    def test_a_plain_event_loop_can_advance_others(self, backend: str) -> None:
        clock = VirtualClock(START)
        anyio.run(clock.advance, 60, backend=backend)
        assert clock.now() == START + timedelta(minutes=1)


def test_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^backend must be asyncio or trio, got: 'curio'$"):
        VirtualClock().backend_options("curio")


def test_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="must have a time zone here, got: 2025-01-01T00:00:00"):
        VirtualClock(datetime(2025, 1, 1))  # noqa: DTZ001 - refused


def test_asyncio_keeps_the_order_of_events() -> None:
    """Two runs of the same program see the same interleaving."""

    def trace() -> list[tuple[datetime, int]]:
        clock = VirtualClock(START)
        seen: list[tuple[datetime, int]] = []

        async def worker(number: int) -> None:
            while True:
                await clock.sleep(1 + number % 3)
                seen.append((clock.now(), number))

        async def main() -> None:
            async with anyio.create_task_group() as group:
                for number in range(20):
                    group.start_soon(worker, number)
                await clock.advance(30)
                group.cancel_scope.cancel()

        clock.run(main)
        return seen

    first = trace()
    assert len(first) == 7 * 30 + 7 * 15 + 6 * 10
    assert first == trace()


def test_clock_of_the_system_asks_whatever_stands_for_datetime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tools that freeze the time of a test put another class into the modules that use it."""

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Frozen:
            return cls(2012, 1, 14, tzinfo=tz)

    monkeypatch.setattr("rota._environment.datetime", Frozen)
    assert SystemClock().now() == datetime(2012, 1, 14, tzinfo=timezone.utc)
