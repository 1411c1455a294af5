"""The virtual clock: a week of schedules runs in milliseconds, and no test waits for real time."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from rota._environment import use_clock
from rota.abc import Clock
from rota.testing._asyncio_loop import VirtualEventLoop
from rota.testing._timeline import Timeline, whole_micros

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractContextManager

    from typing_extensions import TypeVarTuple, Unpack

    PosArgs = TypeVarTuple("PosArgs")

T = TypeVar("T")

DEFAULT_START = datetime(2025, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


class _View(Clock):
    """A wall clock over a timeline, and what all of them share."""

    def __init__(self, timeline: Timeline, wall_at_zero: datetime, io_grace_seconds: float) -> None:
        self._timeline = timeline
        self._wall_at_zero = wall_at_zero
        self._io_grace_seconds = io_grace_seconds

    def now(self) -> datetime:
        """Return the virtual wall time, in UTC."""
        return self._wall_at_zero + timedelta(microseconds=self._timeline.micros)

    def monotonic(self) -> float:
        """Return the virtual seconds since the clock was made."""
        return self._timeline.seconds

    async def sleep(self, seconds: float) -> None:
        """Suspend the calling task for `seconds` of virtual time.

        :raises RuntimeError: if the event loop does not live in virtual time, and would sleep for real
        """
        if self._timeline.here() is None:
            raise RuntimeError(
                "this event loop does not follow the virtual clock: "
                "start it with VirtualClock.run() or with VirtualClock.backend_options()"
            )
        await anyio.sleep(max(seconds, 0))  # noqa: TID251 - virtual time here

    def busy(self) -> AbstractContextManager[object]:
        """Hold time still while work goes on outside of the event loops."""
        return self._timeline.busy

    def backend_options(self, backend: str) -> dict[str, Any]:
        """Return the options that make an event loop live in this clock's time.

        They fit `anyio.run`, `anyio.from_thread.start_blocking_portal` and AnyIO's `anyio_backend` fixture.

        :param backend: "asyncio" or "trio"
        """
        if backend == "asyncio":
            factory = partial(VirtualEventLoop, self._timeline, self._io_grace_seconds)
            return {"loop_factory": factory}
        if backend == "trio":
            from rota.testing._trio_clock import TrioTime

            trio_time = TrioTime(self._timeline, self._io_grace_seconds)
            return {"clock": trio_time, "instruments": [trio_time]}
        raise ValueError(f"backend must be asyncio or trio, got: {backend!r}")

    def set_wall(self, now: datetime) -> None:
        """Set the wall clock, as an administrator or a suspended machine does; monotonic time does not change."""
        self._wall_at_zero = _aware(now) - timedelta(microseconds=self._timeline.micros)


class VirtualClock(_View):
    """A clock whose time moves only inside `advance`, from one deadline to the next, as fast as the work allows.

    It replaces the time of the event loop, so timeouts and sleeps of all libraries follow it::

        clock = VirtualClock(datetime(2025, 1, 1, tzinfo=timezone.utc))

        async def main() -> None:
            async with AsyncScheduler(clock=clock) as scheduler:
                await scheduler.add_schedule(job, CronTrigger(minute=0))
                await scheduler.start_in_background()
                await clock.advance(timedelta(days=7))

        clock.run(main)

    Time stands still while anything can run, and while `busy` is held; hold it around work in threads and processes
    (what asyncio's own executors do is known). Where an event loop waits for sockets, each jump first gives
    them `io_grace_seconds` of real time. Several event loops, in threads of their own, may share one clock.

    On asyncio the order of events is the same in each run; Trio shuffles tasks that can run at once.

    :param start: the wall time at the beginning (aware)
    :param io_grace_seconds: how long, in real time, an answer from a socket may take before time moves on without it
    """

    def __init__(self, start: datetime = DEFAULT_START, *, io_grace_seconds: float = 0.01) -> None:
        super().__init__(Timeline(), _aware(start), io_grace_seconds)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.now().isoformat(sep=' ')})"

    def run(
        self,
        async_fn: Callable[[Unpack[PosArgs]], Awaitable[T]],
        *args: Unpack[PosArgs],
        backend: str = "asyncio",
    ) -> T:
        """Run a coroutine function under this clock, and return what it returns.

        Inside, it is also the current clock, which the default start times of triggers are taken from.
        """
        with use_clock(self):
            return anyio.run(
                async_fn, *args, backend=backend, backend_options=self.backend_options(backend)
            )

    async def advance(self, by: timedelta | float) -> None:
        """Let `by` (a number means seconds) pass: all that is due until then, and what follows from it, happens.

        Zero lets everything run that can run now.
        """
        await self._travel(self._timeline.micros + _micros(by))

    async def advance_to(self, when: datetime) -> None:
        """Let time pass until this clock shows `when`, which must not lie in its past."""
        await self._travel(self._timeline.micros + self._until(when))

    def advance_from_thread(self, by: timedelta | float) -> None:
        """Do what `advance` does, blocking the calling thread, whose event loop must not be one of this clock's."""
        self._travel_from_thread(self._timeline.micros + _micros(by))

    def advance_to_from_thread(self, when: datetime) -> None:
        """Do what `advance_to` does, blocking the calling thread."""
        self._travel_from_thread(self._timeline.micros + self._until(when))

    @contextmanager
    def autojump(self) -> Iterator[None]:
        """Let time move by itself, whenever nothing can run, for as long as the `with` block is active.

        For awaiting what takes virtual time: a job's result, a scheduler that stops with jobs in flight.
        """
        with self._timeline.free():
            yield

    def set_wall_time(self, when: datetime) -> None:
        """Have this clock show `when`, earlier or later, without any time passing.

        So an operator sets the clock of a machine, and so it looks when a machine was suspended.
        """
        self._wall_at_zero += _aware(when) - self.now()

    def skewed(self, offset: timedelta) -> SkewedClock:
        """Return a clock of the same time whose wall clock is wrong by `offset`: that of another machine."""
        return SkewedClock(self._timeline, self._wall_at_zero + offset, self._io_grace_seconds)

    def _until(self, when: datetime) -> int:
        return _micros(_aware(when) - self.now())

    async def _travel(self, target: int) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            await self._travel_on_trio(target)
            return
        arrived = asyncio.Event()
        with self._timeline.travel(target, partial(loop.call_soon_threadsafe, arrived.set)):
            await arrived.wait()

    async def _travel_on_trio(self, target: int) -> None:
        import trio

        arrived = trio.Event()
        token = trio.lowlevel.current_trio_token()
        with self._timeline.travel(target, partial(token.run_sync_soon, arrived.set)):
            await arrived.wait()

    def _travel_from_thread(self, target: int) -> None:
        if self._timeline.here() is not None:
            raise RuntimeError("this would block the event loop that it waits for: await advance()")
        arrived = threading.Event()
        with self._timeline.travel(target, arrived.set):
            arrived.wait()


class SkewedClock(_View):
    """The clock of another machine in the same virtual time; see `VirtualClock.skewed`."""


def _micros(by: timedelta | float) -> int:
    micros = by // _MICROSECOND if isinstance(by, timedelta) else whole_micros(by)
    if micros < 0:
        raise ValueError(f"time only moves forward, got: {by}")
    return micros


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"a datetime must have a time zone here, got: {value.isoformat()}")
    return value.astimezone(timezone.utc)
