"""Waking a loop when something has happened in the data store."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING

from rota._posting import poster

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rota.abc import EventBroker, Subscription
    from rota.model import Event

__all__ = ["WakeUp"]


class WakeUp:
    """Calls a plain function once, on the event loop on which this was made, after the next event of some types.

    A loop arms it only before it sleeps, so that while it works nobody makes an event for it.
    """

    def __init__(
        self,
        broker: EventBroker,
        event_types: Collection[type[Event]],
        wake: Callable[[], object],
    ) -> None:
        # Within the same process an event is best noticed at once; a broker need not offer that.
        self._subscribe = getattr(broker, "subscribe_inline", broker.subscribe)
        self._event_types = event_types
        self._wake = wake
        self._thread = get_ident()
        self._post = poster()
        self._subscription: Subscription | None = None

    def arm(self) -> None:
        """Listen for the next event, if that is not done already."""
        if self._subscription is None:
            self._subscription = self._subscribe(self._happened, self._event_types)

    def disarm(self) -> None:
        """Stop listening."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.unsubscribe()

    def _happened(self, _event: Event) -> None:
        """Take note of an event, on whichever thread published it."""
        if self._subscription is None:
            return
        self.disarm()
        if get_ident() == self._thread:
            self._wake()
        else:
            self._post(self._wake)
