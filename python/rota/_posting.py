"""The event loop that runs: of which library it is, and how another thread has it do something."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["on_asyncio", "poster"]


def on_asyncio() -> bool:
    """Tell whether the running event loop is asyncio's."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _post_to_asyncio(
    loop: asyncio.AbstractEventLoop,
    tasks: set[asyncio.Task[None]],
    function: Callable[[], object],
) -> None:
    """Have a task call the function: what is called by the event loop itself cannot start tasks with AnyIO."""

    async def call() -> None:
        function()

    def start() -> None:
        task = loop.create_task(call())
        tasks.add(task)  # else nobody would hold it
        task.add_done_callback(tasks.discard)

    loop.call_soon_threadsafe(start)


def poster() -> Callable[[Callable[[], object]], None]:
    """Return a function that any thread may call, to have the running event loop call a plain function soon.

    It never waits. After the event loop has stopped it does nothing.
    """
    post: Callable[[Callable[[], object]], object]
    if on_asyncio():
        post = partial(_post_to_asyncio, asyncio.get_running_loop(), set())
    else:
        import trio

        post = trio.lowlevel.current_trio_token().run_sync_soon

    def post_if_running(function: Callable[[], object]) -> None:
        try:
            post(function)
        except RuntimeError:  # both asyncio and Trio say so that nobody is there to listen any more
            return

    return post_if_running
