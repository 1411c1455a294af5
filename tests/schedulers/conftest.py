from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rota import AsyncScheduler
from rota.testing.fixtures import virtual_clock as virtual_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rota.testing import VirtualClock


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(
    request: pytest.FixtureRequest, virtual_clock: VirtualClock
) -> tuple[str, dict[str, Any]]:
    return request.param, virtual_clock.backend_options(request.param)


@pytest.fixture
def clock(virtual_clock: VirtualClock) -> VirtualClock:
    """Name it as most tests read best."""
    return virtual_clock


@pytest.fixture
async def scheduler(clock: VirtualClock) -> AsyncIterator[AsyncScheduler]:
    """Run a scheduler on a memory store, in virtual time; at the end it gives up what still runs."""
    async with AsyncScheduler(clock=clock, shutdown_timeout=0) as scheduler:
        await scheduler.start_in_background()
        yield scheduler
        with clock.autojump():
            await scheduler.stop()
            await scheduler.wait_until_stopped()
