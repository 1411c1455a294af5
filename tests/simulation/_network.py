"""The network between machines and the store: what becomes of each call, and of each event on its way."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from attrs import define, field

from rota.abc import EventBroker
from rota.eventbrokers.local import LocalEventBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AsyncExitStack
    from contextvars import Context
    from logging import Logger

    from rota.abc import Clock, Subscription
    from rota.model import Event


class StoreDown(Exception):
    """The data store did not answer, or not in time; whether it did what it was asked for is not known."""


class Fate(Enum):
    """What becomes of a call."""

    answered = auto()
    lost = auto()  #: it fails before it gets there
    ambiguous = auto()  #: it is done, and the answer is lost
    hung = auto()  #: nothing at all happens, until the connection is reset
    stale = auto()  #: a read is answered with what was true some time ago


@define(frozen=True, kw_only=True)
class Rates:
    """How likely faults are, each for one call or one event."""

    lost: float = 0.0
    ambiguous: float = 0.0
    hung: float = 0.0
    stale: float = 0.0
    slow: float = 0.0
    dropped: float = 0.0
    duplicated: float = 0.0

    @classmethod
    def drawn(cls, random: Random) -> Rates:
        """Draw how bad the weather is; about one in three kinds of faults does not happen at all."""

        def rate(most: float) -> float:
            return random.choice((0.0, 0.3, 1.0)) * random.uniform(0, most)

        return cls(
            lost=rate(0.15),
            ambiguous=rate(0.15),
            hung=rate(0.05),
            stale=rate(0.3),
            slow=rate(0.15),
            dropped=random.choice((0.0, rate(1), 1.0)),
            duplicated=rate(0.3),
        )


CALM = Rates()


@define(eq=False)
class Link:
    """The way of one machine to the store and back.

    :param cut: while it is set, nothing gets through: calls hang, events are lost
    :param refuses: while it is set, each call fails at once
    """

    random: Random
    longest_delay: float
    rates: Rates = CALM
    cut: bool = False
    refuses: bool = False
    reset: asyncio.Event = field(factory=asyncio.Event)

    def fate(self, *, is_read: bool) -> Fate:
        """Draw what becomes of a call."""
        if self.cut:
            return Fate.hung
        if self.refuses:
            return Fate.lost
        draw, rates = self.random.random(), self.rates
        for fate, rate in (
            (Fate.lost, rates.lost),
            (Fate.ambiguous, rates.ambiguous),
            (Fate.hung, rates.hung),
            (Fate.stale, rates.stale if is_read else 0),
        ):
            if draw < rate:
                return fate
            draw -= rate
        return Fate.answered

    def delay(self) -> float:
        """Draw how long one way takes, in seconds."""
        seconds = self.random.uniform(0.0005, 0.005)
        if self.random.random() < self.rates.slow:
            seconds += self.random.uniform(0, self.longest_delay)
        return seconds

    async def hang(self) -> None:
        """Wait until the connection is reset, and fail."""
        if self.cut or self.rates is not CALM:
            await self.reset.wait()
        raise StoreDown("connection reset")

    def reset_connections(self) -> None:
        """Have the calls that hang fail."""
        self.reset.set()
        self.reset = asyncio.Event()


class NodeBroker(LocalEventBroker):
    """The event broker of one node: what it is told of comes over its link."""

    def arrive(self, event: Event) -> None:
        """Tell the listeners of this node of an event that has arrived."""
        listeners = self._routes.get(type(event))
        for listener in self._route(type(event)) if listeners is None else listeners:
            listener.receive(event)


@define(eq=False)
class Listener:
    """One node, as the hub knows it."""

    broker: NodeBroker
    link: Link
    context: Context
    is_alive: Callable[[], bool]


@define(eq=False)
class Hub(EventBroker):
    """Sends the events of the store to all nodes: late, in another order, twice, or not at all."""

    listeners: list[Listener] = field(factory=list)

    async def start(self, exit_stack: AsyncExitStack, logger: Logger, clock: Clock) -> None:
        """Do nothing: the nodes start their own brokers."""

    async def publish(self, *events: Event) -> None:
        """Send events on their ways. It does not wait."""
        loop = asyncio.get_running_loop()
        for listener in self.listeners:
            if not listener.is_alive():
                continue
            link, random = listener.link, listener.link.random
            for event in events:
                if not listener.broker.wants(type(event)):
                    continue
                copies = 1 + (random.random() < link.rates.duplicated)
                if link.cut or link.refuses or random.random() < link.rates.dropped:
                    copies = 0
                for _ in range(copies):
                    arrive = partial(listener.broker.arrive, event)
                    loop.call_later(link.delay(), arrive, context=listener.context)

    async def publish_local(self, *events: Event) -> None:
        """Do what `publish` does."""
        await self.publish(*events)

    def subscribe(
        self,
        callback: Callable[[Event], object],
        event_types: Iterable[type[Event]] | None = None,
        *,
        one_shot: bool = False,
        is_async: bool = True,
    ) -> Subscription:
        """Refuse: listeners belong to nodes."""
        raise NotImplementedError("listeners subscribe with their nodes' brokers")

    def wants(self, event_type: type[Event]) -> bool:
        """Tell whether any node listens."""
        return any(x.is_alive() and x.broker.wants(event_type) for x in self.listeners)

    @property
    def dropped_events(self) -> int:
        """How many events did not fit into queues."""
        return sum(listener.broker.dropped_events for listener in self.listeners)
