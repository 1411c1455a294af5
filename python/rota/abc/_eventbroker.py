"""The interface of event brokers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AsyncExitStack
    from logging import Logger

    from typing_extensions import Self

    from rota.abc._clock import Clock
    from rota.model import Event


class Subscription(ABC):
    """A listener's registration with an event broker; as a context manager, it ends with the `with` block."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.unsubscribe()

    @abstractmethod
    def unsubscribe(self) -> None:
        """Stop delivering events to the listener, those in its queue too. Calling it again does nothing."""


class EventBroker(ABC):
    """Delivers published events to everybody who subscribed, in this process or in others.

    Events are hints. A broker may lose, repeat or reorder them; it never raises into the publisher, never makes
    it wait for a listener, and never lets one listener delay another. Queues are bounded; what does not
    fit is dropped and counted.
    """

    @abstractmethod
    async def start(self, exit_stack: AsyncExitStack, logger: Logger, clock: Clock) -> None:
        """Connect; disconnect through `exit_stack`. Subscribing is possible before and after.

        :param clock: for waiting, and told of callbacks that run in threads
        """

    @abstractmethod
    async def publish(self, *events: Event) -> None:
        """Tell everybody connected, this process included, of `events`, in order."""

    @abstractmethod
    async def publish_local(self, *events: Event) -> None:
        """Tell the subscribers in this process only of `events`, in order."""

    @abstractmethod
    def subscribe(
        self,
        callback: Callable[[Event], Any],
        event_types: Iterable[type[Event]] | None = None,
        *,
        one_shot: bool = False,
        is_async: bool = True,
    ) -> Subscription:
        """Have `callback` called with each event of the given types (and their subclasses); `None` means all.

        :param one_shot: unsubscribe after the first event
        :param is_async: whether the callback runs on the event loop (a plain or a coroutine function);
            otherwise it is called in a worker thread, so that it may block
        """

    @abstractmethod
    def wants(self, event_type: type[Event]) -> bool:
        """Tell whether publishing an event of this type could reach anybody; if not, it need not be made."""

    @property
    @abstractmethod
    def dropped_events(self) -> int:
        """How many events did not fit into a listener's queue since the start."""

    @property
    def problem(self) -> str | None:
        """What keeps events from reaching other processes, if anything. It contains no secrets."""
        return None
