"""How another thread has the event loop do something."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["poster"]


def poster() -> Callable[[Callable[[], object]], None]:
    """Return a function that any thread may call, to have the running event loop call a plain function soon.

    It never waits. After the event loop has stopped it does nothing.
    """
    post: Callable[[Callable[[], object]], object]
    try:
        post = asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        import trio

        post = trio.lowlevel.current_trio_token().run_sync_soon

    def post_if_running(function: Callable[[], object]) -> None:
        try:
            post(function)
        except RuntimeError:  # both asyncio and Trio say so that nobody is there to listen any more
            return

    return post_if_running
