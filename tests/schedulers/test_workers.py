"""The pool of workers, on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import anyio
import pytest

from rota.schedulers._workers import Worker, WorkerPool

if TYPE_CHECKING:
    from rota.schedulers._node import Node
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio


class FakeNode:
    """The part of a node that the pool looks at."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock


async def test_pool_that_is_torn_down_starts_no_more_workers(clock: VirtualClock) -> None:
    started = 0

    async def work(_worker: Worker) -> bool:
        nonlocal started
        started += 1
        assert started < 10, "workers start each other without end"
        await anyio.sleep_forever()
        return True

    async with anyio.create_task_group() as group:
        pool = WorkerPool(cast("Node", FakeNode(clock)), group, 3, work)
        pool.summon()
        await clock.advance(0)
        assert started == 1
        group.cancel_scope.cancel()
    assert started <= 2
    pool.summon()  # does nothing any more
