"""A sleep that can be ended early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import CancelScope

if TYPE_CHECKING:
    from rota.abc import Clock

__all__ = ["Alarm"]


class Alarm:
    """Lets one task sleep until a time has passed or somebody rings.

    A ring while it is awake ends its next sleep at once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scope: CancelScope | None = None
        self._rung = False

    def ring(self) -> None:
        """End the sleep. To be called on the event loop of the sleeper."""
        self._rung = True
        if self._scope is not None:
            self._scope.cancel()

    async def sleep(self, seconds: float) -> bool:
        """Sleep for `seconds` at most; tell whether somebody rang."""
        if self._rung:
            await self._clock.sleep(0)
        else:
            with CancelScope() as self._scope:
                await self._clock.sleep(seconds)
            self._scope = None
        rung, self._rung = self._rung, False
        return rung
