"""What other threads have an event loop do."""

from __future__ import annotations

import asyncio
import threading

import anyio

from rota._posting import poster


def test_posted_function_may_start_tasks() -> None:
    """Whichever thread posts it, also one that knows nothing of the event loop."""

    async def main() -> None:
        started = anyio.Event()

        async def work() -> None:
            started.set()

        post = poster()
        async with anyio.create_task_group() as group:
            thread = threading.Thread(target=post, args=[lambda: group.start_soon(work)])
            thread.start()
            with anyio.fail_after(10):
                await started.wait()
            thread.join()

    asyncio.run(main())
