"""What is raised in or by `async with AsyncScheduler()` comes out as it is, not wrapped into groups of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from rota import AsyncScheduler, MemoryDataStore, ScheduleLookupError

if TYPE_CHECKING:
    from contextlib import AsyncExitStack
    from logging import Logger

    from rota.abc import Clock, EventBroker
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("started", [False, True])
async def test_error_of_the_block_comes_out_as_it_is(clock: VirtualClock, started: bool) -> None:
    with pytest.raises(ScheduleLookupError):  # noqa: PT012 - it is about the block
        async with AsyncScheduler(clock=clock) as scheduler:
            if started:
                await scheduler.start_in_background()
            await scheduler.get_schedule("none")


async def test_error_of_the_store_at_the_start_comes_out_as_it_is(clock: VirtualClock) -> None:
    class Absent(MemoryDataStore):
        async def start(
            self,
            exit_stack: AsyncExitStack,
            event_broker: EventBroker,
            logger: Logger,
            clock: Clock,
        ) -> None:
            raise ConnectionRefusedError("nobody is there")

    with pytest.raises(ConnectionRefusedError):
        async with AsyncScheduler(Absent(), clock=clock):
            pytest.fail("it must not start")


async def test_cancellation_ends_the_block(clock: VirtualClock) -> None:
    with anyio.CancelScope() as scope:
        async with AsyncScheduler(clock=clock) as scheduler:
            await scheduler.start_in_background()
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert scheduler.state.name == "stopped"
