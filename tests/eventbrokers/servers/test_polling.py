"""A notification that is lost costs no more than the polling interval, whatever it was to be sent through.

The servers are real, time is virtual: it stands still while the nodes connect, and is measured exactly afterwards.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from rota import AsyncScheduler, DateTrigger
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.testing.fixtures import virtual_clock as virtual_clock
from tests._proxy import Proxy
from tests._services import PORTS, need
from tests.eventbrokers.servers._kinds import KINDS
from tests.eventbrokers.servers.test_conformance import URLS

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = [pytest.mark.anyio, pytest.mark.once]

POLLING = timedelta(
    seconds=3
)  #: less than the time after which a broker sees whether messages come through


@pytest.fixture
def anyio_backend(virtual_clock: VirtualClock) -> tuple[str, dict[str, Any]]:
    return "asyncio", virtual_clock.backend_options("asyncio")


@pytest.mark.parametrize("added", ["job", "schedule"])
@pytest.mark.parametrize("kind", KINDS)
async def test_lost_notification_costs_no_more_than_the_polling_interval(
    virtual_clock: VirtualClock, tmp_path: Path, kind: str, added: str
) -> None:
    """The server takes everything, and gives nothing back to the node that is to run it."""
    clock, service = virtual_clock, KINDS[kind].service
    url, port = URLS[service].format(need(service)), PORTS[service]
    started = anyio.Event()

    async def run() -> None:
        started.set()

    async with AsyncExitStack() as exit_stack:
        proxy = exit_stack.enter_context(Proxy(port))
        worker, adder = (
            AsyncScheduler(
                SQLAlchemyDataStore(f"sqlite:///{tmp_path}/store.db"),
                KINDS[kind].make(place, f"rota-test-{kind}-{added}"),
                polling_interval=POLLING,
                clock=clock,
            )
            for place in (url.replace(str(port), str(proxy.port)), url)
        )
        await exit_stack.enter_async_context(worker)
        await exit_stack.enter_async_context(adder)
        await worker.configure_task("run", func=run)
        await worker.start_in_background()
        await clock.advance(POLLING / 3)  # it sleeps now
        assert [node.health.problems for node in (worker, adder)] == [{}, {}]

        proxy.hold()
        asked = clock.now()
        if added == "job":
            await adder.add_job("run")
        else:
            await adder.add_schedule("run", DateTrigger(asked))
        with clock.autojump():
            await started.wait()
            waited = clock.now() - asked
        proxy.pass_on()
        assert timedelta(0) < waited <= POLLING
        exit_stack.enter_context(clock.autojump())
