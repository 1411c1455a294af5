"""Who waits for a lock that somebody holds for long does not hold up all the others."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import create_task_group, fail_after
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from rota import AsyncScheduler, ConflictingIdError, ConflictPolicy, IntervalTrigger
from rota.datastores.sql.schema import VERSION
from tests.datastores.test_schema import back_to_version_1

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.datastores.conftest import Place

pytestmark = [pytest.mark.anyio, pytest.mark.once]

HOURLY = IntervalTrigger(hours=1)
CALLERS = 15
LONG = 20  #: seconds, for what must not have to wait at all

servers = pytest.mark.parametrize("place", ["asyncpg", "psycopg", "mariadb"], indirect=True)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def work() -> None:
    """Do nothing."""


@asynccontextmanager
async def engine_of(place: Place) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(place.url, pool_size=CALLERS)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def scheduler_at(place: Place) -> AsyncIterator[AsyncScheduler]:
    async with AsyncScheduler(place.store()) as scheduler:
        await scheduler.configure_task("work", func=work)
        yield scheduler


@servers
async def test_process_that_starts_waits_for_no_transaction_that_adds_a_job(place: Place) -> None:
    async with (
        scheduler_at(place) as scheduler,
        engine_of(place) as engine,
        AsyncSession(engine) as session,
    ):
        await scheduler.add_job("work", connection=session)
        with fail_after(LONG):
            async with scheduler_at(place) as other:  # which configures the task
                await other.add_job("work")
        await session.rollback()


@servers
async def test_callers_that_add_different_schedules_do_not_meet(place: Place) -> None:
    async with scheduler_at(place) as scheduler, engine_of(place) as engine:
        all_have_added = anyio.Event()
        added = []

        async def sign_up(number: int) -> None:
            async with AsyncSession(engine) as session:
                id_ = f"customer-{number}"
                await scheduler.add_schedule("work", HOURLY, id=id_, connection=session)
                added.append(id_)
                if len(added) == CALLERS:
                    all_have_added.set()
                await all_have_added.wait()
                await session.commit()

        with fail_after(LONG):
            async with create_task_group() as group:
                for number in range(CALLERS):
                    group.start_soon(sign_up, number)
        assert {schedule.id for schedule in await scheduler.get_schedules()} == set(added)


@servers
@pytest.mark.parametrize("policy", ConflictPolicy)
async def test_callers_that_add_one_schedule_get_what_their_policy_says(
    place: Place, policy: ConflictPolicy
) -> None:
    async with scheduler_at(place) as scheduler, engine_of(place) as engine:
        first_has_added = anyio.Event()
        outcomes: dict[str, Any] = {}

        async def add(name: str) -> None:
            async with AsyncSession(engine) as session:
                request = partial(scheduler.add_schedule, "work", HOURLY, id="s", args=[name])
                try:
                    await request(conflict_policy=policy, connection=session)
                    if name == "first":
                        first_has_added.set()
                        await anyio.sleep(0.2)  # noqa: TID251 - for the other one to reach the server
                    await session.commit()
                except ConflictingIdError as exc:
                    outcomes[name] = exc
                else:
                    outcomes[name] = "added"

        with fail_after(LONG):
            async with create_task_group() as group:
                group.start_soon(add, "first")
                await first_has_added.wait()
                group.start_soon(add, "second")
        (schedule,) = await scheduler.get_schedules()
        assert outcomes["first"] == "added"
        if policy is ConflictPolicy.exception:
            assert isinstance(outcomes["second"], ConflictingIdError)
        else:
            assert outcomes["second"] == "added"
        expected = "second" if policy is ConflictPolicy.replace else "first"
        assert list(schedule.args) == [expected]


@servers
async def test_upgrade_that_waits_for_a_dump_lets_the_others_work(place: Place) -> None:
    count = text(f"SELECT count(*) FROM {place.schema}.rota_jobs")
    async with scheduler_at(place):
        pass
    async with engine_of(place) as engine:
        await back_to_version_1(place)
        async with engine.connect() as dump, create_task_group() as group:
            await dump.execute(count)
            group.start_soon(place.store().upgrade)
            await anyio.sleep(0.5)  # noqa: TID251 - for the upgrade to reach the server
            with fail_after(LONG):
                async with engine.connect() as other:
                    await other.execute(count)
            await dump.rollback()
        assert await place.store().schema_version() == VERSION
