"""Values that are too large for the database are refused when they are given, and no outage for those who wait."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from logging import getLogger
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from anyio import fail_after

from rota._environment import SystemClock, new_id
from rota.eventbrokers.local import LocalEventBroker
from rota.model import JobOutcome, SerializationError
from rota.testing._datastore._fixtures import claim_one_job, ended, make_job, make_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rota.datastores.sqlalchemy import SQLAlchemyDataStore
    from tests.datastores.conftest import Place

pytestmark = [pytest.mark.anyio, pytest.mark.once]

MUCH, TOO_MUCH = 6_000_000, 16_700_000  # bytes; the serializer allows 16 MB


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def started(place: Place) -> AsyncIterator[SQLAlchemyDataStore]:
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        broker = LocalEventBroker()
        await broker.start(stack, getLogger("rota"), SystemClock())
        store = place.store()
        await store.start(stack, broker, getLogger("rota"), SystemClock())
        await store.add_task(make_task())
        yield store


def job_with(size: int, **options: Any) -> Any:
    return make_job(id=new_id(), args=(Random(1).randbytes(size),), **options)


async def test_what_is_large_is_stored(place: Place) -> None:
    async with started(place) as store:
        job = job_with(MUCH, metadata={"text": "\u20ac" * 150_000})
        await store.add_jobs([job])
        assert (await store.get_jobs({job.id}))[0].args == job.args


async def test_several_large_ones_are_stored_at_once(place: Place) -> None:
    async with started(place) as store:
        jobs = [job_with(MUCH // 2) for _ in range(6)]
        await store.add_jobs(jobs)
        assert {job.args for job in await store.get_jobs()} == {job.args for job in jobs}


async def test_what_is_too_large_for_the_server_is_refused_at_once(place: Place) -> None:
    async with started(place) as store:
        job = job_with(TOO_MUCH)
        with fail_after(60):
            if place.url.startswith("mariadb"):
                with pytest.raises(
                    SerializationError, match=r"must have at most \d+ bytes for this database"
                ):
                    await store.add_jobs([job])
                assert await store.get_jobs() == []
            else:
                await store.add_jobs([job])
                assert [each.id for each in await store.get_jobs()] == [job.id]


async def test_job_that_returns_too_much_ends_all_the_same(place: Place) -> None:
    async with started(place) as store:
        job = make_job(id=new_id(), result_expiration_time=timedelta(hours=1))
        await store.add_jobs([job])
        claimed = await claim_one_job(store)
        with fail_after(60):
            value = Random(2).randbytes(TOO_MUCH + 100_000)  # for the serializer, too
            release = ended(claimed, await store.now(), return_value=value)
            refused = await store.release_jobs("A", [release])
        result = await store.get_job_result(job.id)
        assert not refused
        assert result is not None
        assert result.outcome is JobOutcome.success
        assert isinstance(result.exception, SerializationError)
