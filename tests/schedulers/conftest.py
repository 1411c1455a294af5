from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from rota import AsyncScheduler, Scheduler
from rota.testing.fixtures import virtual_clock as virtual_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rota.testing import VirtualClock


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(
    request: pytest.FixtureRequest, virtual_clock: VirtualClock
) -> tuple[str, dict[str, Any]]:
    """Run tests on both event loops; the flavour "facade" is about `Scheduler`, which has a loop of its own."""
    name = "asyncio" if request.param == "facade" else request.param
    return name, virtual_clock.backend_options(name)


#: for the tests that are about what both schedulers offer
every_flavour = pytest.mark.parametrize(
    "anyio_backend", ["asyncio", "trio", "facade"], indirect=True
)


@pytest.fixture
def clock(virtual_clock: VirtualClock) -> VirtualClock:
    """Name it as most tests read best."""
    return virtual_clock


class Awaitable:
    """A blocking scheduler whose methods can be awaited, as those of the asynchronous one."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._scheduler, name)
        if name == "subscribe" or not callable(attribute):
            return attribute

        async def call(*args: Any, **kwargs: Any) -> Any:
            return attribute(*args, **kwargs)

        return call


@pytest.fixture
async def scheduler(
    request: pytest.FixtureRequest, clock: VirtualClock
) -> AsyncIterator[AsyncScheduler]:
    """Run a scheduler on a memory store, in virtual time; at the end it gives up what still runs."""
    if request.node.callspec.params["anyio_backend"] == "facade":
        with Scheduler(clock=clock, shutdown_timeout=0) as facade:
            facade.start_in_background()
            yield cast("AsyncScheduler", Awaitable(facade))
        return
    scheduler = AsyncScheduler(clock=clock, shutdown_timeout=0)
    await scheduler.__aenter__()
    try:
        await scheduler.start_in_background()
        yield scheduler
    finally:
        with clock.autojump():
            await scheduler.__aexit__(None, None, None)
