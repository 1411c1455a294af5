"""Databases that fall silent when a connection has done its work: ending its transaction, or giving it back."""

from __future__ import annotations

from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import timedelta
from logging import ERROR, getLogger
from typing import TYPE_CHECKING

import anyio
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tenacity import stop_after_attempt

from rota._environment import SystemClock
from rota.datastores.sql.engines import with_driver
from rota.datastores.sqlalchemy import RetrySettings, SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker
from tests.faults.conftest import stores

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests._private_servers import PrivateServer
    from tests._proxy import Proxy

LOGGER = getLogger("rota")
ATTEMPT = timedelta(seconds=0.5)

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60), stores("postgresql", "mariadb")]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["own", "caller's"])
async def store(
    request: pytest.FixtureRequest, server: PrivateServer, proxy: Proxy
) -> SQLAlchemyDataStore:
    """A store behind the proxy, on an engine of its own or of the caller."""
    url = with_driver(server.url_at(proxy.port))
    settings = RetrySettings(stop=stop_after_attempt(1), attempt_timeout=ATTEMPT)
    place = url if request.param == "own" else create_async_engine(url)
    return SQLAlchemyDataStore(place, table_prefix="hung_", retry_settings=settings)


@contextmanager
def falling_silent(store: SQLAlchemyDataStore, proxy: Proxy, what: str) -> Iterator[None]:
    """Hold everything from the first time that something is going to happen to a connection."""
    engine = engine_of(store).sync_engine

    def fall_silent(*_args: object) -> None:
        proxy.hold()

    event.listen(engine, what, fall_silent)
    yield
    event.remove(engine, what, fall_silent)
    proxy.pass_on()


@pytest.mark.parametrize("what", ["commit", "rollback", "reset"])
@pytest.mark.parametrize(
    "operate",
    [
        lambda store: store.time_to_next_schedule(),  # reads
        lambda store: store.acquire_jobs("node", timedelta(seconds=30), 10),  # writes
    ],
    ids=["read", "write"],
)
async def test_attempt_ends_all_the_same(
    store: SQLAlchemyDataStore,
    proxy: Proxy,
    operate: Callable[[SQLAlchemyDataStore], Awaitable[object]],
    what: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may fail, if an answer was needed; the next one works."""
    async with AsyncExitStack() as stack:
        await start(store, stack)
        with falling_silent(store, proxy, what), suppress(TimeoutError):
            await operate(store)
        await operate(store)
    errors = [record for record in caplog.records if record.levelno >= ERROR]
    if (
        not store._owns_engine
    ):  # a pool that was made by others asks the server once more, and says so
        errors = [record for record in errors if "Exception during reset" not in record.message]
    assert errors == []


@pytest.mark.parametrize("what", ["rollback", "reset"])
async def test_operation_that_may_take_any_time_is_cancelled_all_the_same(
    store: SQLAlchemyDataStore, proxy: Proxy, what: str
) -> None:
    async with AsyncExitStack() as stack:
        await start(store, stack)
        with falling_silent(store, proxy, what), anyio.move_on_after(0.5):
            await store.get_tasks()
        assert await store.get_tasks() == []


def engine_of(store: SQLAlchemyDataStore) -> AsyncEngine:
    assert isinstance(store._engine, AsyncEngine)
    return store._engine


async def start(store: SQLAlchemyDataStore, stack: AsyncExitStack) -> None:
    """Start the store with no broker but one of its own, until the stack is closed."""
    stack.push_async_callback(engine_of(store).dispose)
    broker = LocalEventBroker()
    await broker.start(stack, LOGGER, SystemClock())
    await store.start(stack, broker, LOGGER, SystemClock())
