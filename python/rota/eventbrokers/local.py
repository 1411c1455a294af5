"""The event broker of a single process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota.eventbrokers._base import BaseEventBroker

if TYPE_CHECKING:
    from rota.model import Event

__all__ = ["LocalEventBroker"]


class LocalEventBroker(BaseEventBroker):
    """Delivers events within this process only. It is the default."""

    async def publish(self, *events: Event) -> None:
        """Tell the listeners in this process of `events`, in order; it never waits."""
        await self.publish_local(*events)
