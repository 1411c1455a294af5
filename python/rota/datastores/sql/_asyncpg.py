"""Connections of asyncpg that can be closed although their server does not answer any more."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg

__all__ = ["Connection"]

FAREWELL_SECONDS = 1.0  #: how long the server may take to acknowledge the end


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that is torn down where closing it in order takes too long.

    SQLAlchemy gives no limit, and logs what is raised as an error of the program.
    """

    async def close(self, *, timeout: float | None = None) -> None:
        """Say goodbye, for `timeout` seconds at most, and end."""
        seconds = FAREWELL_SECONDS if timeout is None else timeout
        with suppress(asyncio.TimeoutError, OSError):  # the connection was torn down then
            await super().close(timeout=seconds)
