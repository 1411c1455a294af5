"""The line to a server: connected, lost, connected again, for as long as somebody is there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import asynccontextmanager, suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio import CancelScope, create_task_group, fail_after, move_on_after
from tenacity import AsyncRetrying, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from rota._environment import system_random
from rota._posting import poster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from rota.abc import Clock
    from rota.eventbrokers._outbox import Outbox

__all__ = ["Exchange", "Line", "Link", "closed_on_failure"]

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 5  #: how long the server may take for anything
CLOSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 5.0  #: between two attempts to connect
LASTING_SECONDS = 5.0  #: a connection that held for as long is restored without a pause


class Link(ABC):
    """One connection to a server, subscribed to the channel."""

    #: bytes that a message may have
    max_message: int

    @abstractmethod
    async def receive(self) -> None:
        """Pass on what arrives, until the connection is lost, which raises."""

    @abstractmethod
    async def send(self, messages: Sequence[bytes]) -> None:
        """Send messages, in order; return when the server has them."""

    def abort(self) -> None:  # noqa: B027 - most can be cancelled without
        """Have what waits for the server fail; called once the connection is known to be lost."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect, if that has not happened already."""


@asynccontextmanager
async def closed_on_failure(*closers: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Call `closers` if what the block does to connect fails or is cancelled; what they raise adds nothing."""
    try:
        yield
    except BaseException:
        with CancelScope(shield=True), move_on_after(CLOSE_SECONDS):
            for close in closers:
                with suppress(Exception):
                    await close()
        raise


class Exchange(Protocol):
    """What a line asks of its event broker."""

    async def connect(self, receive: Callable[[bytes], None]) -> Link:
        """Connect and subscribe; have `receive` called with each message, by a task of this event loop."""

    def accept(self, message: bytes) -> None:
        """Take a message that has arrived."""

    def connected(self, *, again: bool) -> None:
        """Take note of a connection; `again` if messages may have been missed before."""

    def failed(self, exc: Exception) -> None:
        """Take note that the connection was lost, or that there is none."""


class Line:
    """Keeps a broker connected from one event loop, once `turn` is set.

    A connection is taken for lost, too, when nothing has come through it for `max_idle_seconds` and then a message
    sent to ourselves does not come back.
    """

    def __init__(
        self, exchange: Exchange, outbox: Outbox, clock: Clock, max_idle_seconds: float
    ) -> None:
        self.turn = anyio.Event()
        self.attempted = anyio.Event()
        self.post = poster()
        self._exchange = exchange
        self._outbox = outbox
        self._clock = clock
        self._max_idle_seconds = max_idle_seconds
        self._random = system_random()
        self._up = False
        self._heard_at = 0.0
        self._sending_since = inf
        self._arrival = anyio.Event()  # of something to send
        self._emptied = anyio.Event()

    async def run(self) -> None:
        """Keep connected, until cancelled."""
        await self.turn.wait()
        while True:
            await AsyncRetrying(
                wait=wait_random_exponential(multiplier=0.1, max=LONGEST_PAUSE_SECONDS),
                sleep=self._clock.sleep,
                retry=retry_if_exception_type(Exception),
            )(self._hold)

    def take_over(self) -> None:
        """Have the turn, after another event loop. To be called on the event loop of the line."""
        self.attempted.set()  # messages may have been missed between the two
        self.turn.set()

    def nudge(self) -> None:
        """Have the outbox looked at. To be called on the event loop of the line."""
        self._arrival.set()

    async def flush(self, seconds: float) -> None:
        """Wait until everything is sent, for `seconds` at most, if there is a connection."""
        with move_on_after(seconds):
            while self._up and self._outbox:
                self._emptied = anyio.Event()
                self.nudge()
                await self._emptied.wait()

    async def _hold(self) -> None:
        """Connect, and exchange messages until the connection is lost; raise if that was soon."""
        try:
            with fail_after(CONNECT_SECONDS):
                link = await self._exchange.connect(self._take)
        except Exception as exc:
            self._fail(exc)
            raise
        self._sending_since = inf
        self._heard_at = connected_at = self._clock.monotonic()
        try:
            self._up = True
            self._exchange.connected(again=self.attempted.is_set())
            self.attempted.set()
            await self._until_one_fails(link)
        except Exception as exc:
            self._fail(exc)
            if self._clock.monotonic() - connected_at < LASTING_SECONDS:
                raise
        finally:
            self._up = False
            self._emptied.set()
            with CancelScope(shield=True), move_on_after(CLOSE_SECONDS):
                await link.close()

    def _fail(self, exc: Exception) -> None:
        self._exchange.failed(exc)
        self.attempted.set()

    def _take(self, message: bytes) -> None:
        self._heard_at = self._clock.monotonic()
        self._exchange.accept(message)

    async def _send(self, link: Link) -> None:
        while True:
            self._arrival = anyio.Event()
            if messages := self._outbox.peek(link.max_message):
                self._sending_since = self._clock.monotonic()
                await link.send(messages)
                self._sending_since = inf
                self._outbox.sent(len(messages))
            else:
                self._emptied.set()
                await self._arrival.wait()

    async def _probe(self) -> None:
        """Raise if messages do not come through."""
        while True:
            # Any message will do. With random pauses, one of many processes probes for all.
            await self._clock.sleep(self._max_idle_seconds * self._random.uniform(0.8, 1.2))
            sending_seconds = self._clock.monotonic() - self._sending_since
            heard_seconds = self._clock.monotonic() - self._heard_at
            if heard_seconds < self._max_idle_seconds / 2 and sending_seconds < ANSWER_SECONDS:
                continue
            asked = self._clock.monotonic()
            self._outbox.put_probe()
            self.nudge()
            await self._clock.sleep(ANSWER_SECONDS)
            if self._heard_at < asked or self._sending_since <= asked:
                raise ConnectionError("messages do not come through")

    async def _until_one_fails(self, link: Link) -> None:
        """Receive, send and probe until one of them raises, and raise that."""
        failures: list[Exception] = []

        async def run(function: Callable[[], Awaitable[None]]) -> None:
            try:
                await function()
            except Exception as exc:  # noqa: BLE001 - a driver may raise anything
                failures.append(exc)
                link.abort()
                group.cancel_scope.cancel()

        async with create_task_group() as group:
            for function in (link.receive, partial(self._send, link), self._probe):
                group.start_soon(run, function)
        raise failures[0]
