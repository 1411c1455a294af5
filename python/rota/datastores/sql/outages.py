"""Failures that pass: what is tried again, how often, and what is said of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from logging import Logger
from typing import TYPE_CHECKING, TypeVar

from attrs import define, field, frozen
from sqlalchemy.exc import DBAPIError, StatementError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_delay
from tenacity.stop import stop_base  # noqa: TC002 - attrs resolves it
from tenacity.wait import wait_base, wait_random_exponential

from rota.datastores.sql._dialect import Failure
from rota.model._validation import as_timedelta

if TYPE_CHECKING:
    from rota.abc import Clock

__all__ = ["Outages", "RetrySettings"]

T = TypeVar("T")


@frozen(kw_only=True)
class RetrySettings:
    """When an operation that fails for reasons that may pass is tried again, and for how long.

    :param stop: when the error is raised after all; by default after a minute
    :param wait: the pause between two attempts; by default random, up to 0.1 seconds after the first and up to twice
        as many after each other, but never more than 5
    :param attempt_timeout: how long an attempt may take before its connection is taken for dead, because nothing may
        ever tell. What can be asked for any number of jobs or schedules (adding, getting, removing) may take any time
    """

    stop: stop_base = field(factory=lambda: stop_after_delay(60))
    wait: wait_base = field(factory=lambda: wait_random_exponential(multiplier=0.1, max=5))
    attempt_timeout: timedelta = field(default=timedelta(seconds=60), converter=as_timedelta)


@define(eq=False)
class Outages:
    """Tries again what fails for reasons that may pass; logs once that an outage began, and once that it is over."""

    settings: RetrySettings
    logger: Logger
    clock: Clock
    kind_of: Callable[[BaseException], Failure]
    _since: float | None = None
    problem: str | None = None  #: what the last failure was, while it lasts

    async def survive(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what `attempt` returns, calling it again after each failure that may pass."""
        retrying = AsyncRetrying(
            stop=self.settings.stop,
            wait=self.settings.wait,
            sleep=self.clock.sleep,
            retry=retry_if_exception(lambda error: self.kind_of(error) is not Failure.final),
            before_sleep=self._failed,
            reraise=True,
        )
        try:
            result: T = await retrying(attempt)
        except StatementError as error:
            error.hide_parameters = True  # which are what users store, and the error may be logged
            raise
        if self._since is not None:
            seconds = self.clock.monotonic() - self._since
            self._since = self.problem = None
            self.logger.warning(
                "the database works again, after %.1f seconds",
                seconds,
                extra={"event": "database.recovered", "outage_seconds": seconds},
            )
        return result

    def _failed(self, state: RetryCallState) -> None:
        assert state.outcome is not None, "tenacity sleeps after an attempt"
        error = state.outcome.exception()
        assert error is not None, "only failures are tried again"
        if self.kind_of(error) is Failure.conflict:
            self.logger.debug(
                "transactions got in each other's way; trying again: %s",
                _text(error),
                extra={"event": "database.conflict"},
            )
            return
        self.problem = _text(error)
        if self._since is None:
            self._since = self.clock.monotonic()
            self.logger.warning(
                "the database failed; trying again, as retry_settings say: %s",
                _text(error),
                extra={"event": "database.failed", "error_type": type(error).__qualname__},
            )


def _text(error: BaseException) -> str:
    """Return what the driver said, without the statement and what was in it."""
    cause = (error.orig if isinstance(error, DBAPIError) else None) or error
    return f"{type(cause).__name__}: {cause}" if str(cause) else repr(cause)
