"""What a loop does while the data store fails: say so once, wait, try again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger
    from random import Random

    from rota.abc import Clock

__all__ = ["Outage", "brief"]

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0


class Outage:
    """The failures in a row of what one loop asks of the data store.

    :param doing: what fails, for the log: "claiming jobs"
    :param polling_seconds: how often the data store is asked in any case; no pause is longer, so that work that has
        become due in an outage does not wait longer than that after its end
    """

    def __init__(
        self, doing: str, logger: Logger, clock: Clock, random: Random, polling_seconds: float
    ) -> None:
        self._doing = doing
        self._longest_seconds = min(LONGEST_PAUSE_SECONDS, polling_seconds)
        self._logger = logger
        self._clock = clock
        self._random = random
        self._failures = 0
        #: what the last failure was, while it lasts
        self.problem: str | None = None

    def noted(self, exc: Exception) -> float:
        """Note one more failure; return how many seconds to wait before the next attempt."""
        self.problem = brief(exc)
        if not self._failures:
            self._logger.error(
                "%s failed; trying again until it works",
                self._doing,
                exc_info=exc,
                extra={
                    "event": "outage.began",
                    "activity": self._doing,
                    "error_type": type(exc).__qualname__,
                },
            )
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 30), self._longest_seconds)
        self._failures += 1
        return pause * self._random.uniform(0.5, 1)

    async def wait(self, exc: Exception) -> None:
        """Note one more failure, and wait before the next attempt."""
        await self._clock.sleep(self.noted(exc))

    def over(self) -> None:
        """Note that it works."""
        if self._failures:
            self._logger.info(
                "%s works again after %d failed attempts",
                self._doing,
                self._failures,
                extra={
                    "event": "outage.ended",
                    "activity": self._doing,
                    "attempts": self._failures,
                },
            )
            self._failures = 0
            self.problem = None


def brief(exc: Exception) -> str:
    """Return what failed, without the statements and values that drivers and SQLAlchemy add in further lines."""
    text = str(exc).partition("\n")[0]
    return f"{type(exc).__name__}: {text}"
