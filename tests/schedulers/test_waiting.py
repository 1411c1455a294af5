"""Waiting for results while virtual time passes, with several waiters and without events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from anyio import create_task_group

from rota import AsyncScheduler, JobReleased, JobResult

if TYPE_CHECKING:
    from uuid import UUID

    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio


async def test_result_that_is_not_kept_is_none_for_who_waited(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    async def slow() -> int:
        await clock.sleep(10)
        return 1

    with clock.autojump():
        job_id = await scheduler.add_job(slow)
        assert await scheduler.get_job_result(job_id) is None


async def test_all_who_wait_get_the_result(scheduler: AsyncScheduler, clock: VirtualClock) -> None:
    results: list[JobResult | None] = []

    async def slow() -> int:
        await clock.sleep(10)
        return 1

    async def wait_for(job_id: UUID) -> None:
        results.append(await scheduler.get_job_result(job_id))

    job_id = await scheduler.add_job(slow, result_expiration_time=60)
    async with create_task_group() as group:
        for _ in range(3):
            group.start_soon(wait_for, job_id)
        await clock.advance(9)
        assert results == []
        await clock.advance(1)

    assert [result and result.return_value for result in results] == [1, 1, 1]


async def test_lost_event_costs_no_more_than_the_polling_interval(
    scheduler: AsyncScheduler, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but speed may depend on events."""

    async def slow() -> int:
        await clock.sleep(10)
        return 1

    job_id = await scheduler.add_job(slow, result_expiration_time=600)
    publish = scheduler.event_broker.publish

    async def publish_others(*events: object) -> None:
        await publish(*(e for e in events if not isinstance(e, JobReleased)))  # type: ignore[arg-type]

    monkeypatch.setattr(scheduler.event_broker, "publish", publish_others)
    asked = clock.now()
    with clock.autojump():
        result = await scheduler.get_job_result(job_id)

    assert result is not None
    assert clock.now() - asked <= scheduler.polling_interval
