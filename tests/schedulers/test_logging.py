"""The debugging log explains every decision."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from rota import AsyncScheduler, CoalescePolicy, IntervalTrigger

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2025, 1, 1, tzinfo=timezone.utc)


async def work() -> None:
    """Do nothing."""


async def fail() -> None:
    raise ValueError("the reason")


@pytest.fixture(autouse=True)
def debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="rota")


async def test_fire_is_explained(
    scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await scheduler.add_schedule(work, IntervalTrigger(minutes=5), id="backup")
    await clock.advance(1)

    assert (
        "schedule 'backup' fired: 1 due from 2025-01-01 00:00:00+00:00, one job: 1 jobs, "
        "the last for 2025-01-01 00:00:00+00:00; next fire time: 2025-01-01 00:05:00+00:00"
    ) in caplog.text
    assert "claimed job" in caplog.text
    assert "schedule 'backup', attempt 1, 0.000 s late" in caplog.text
    assert "succeeded after 0.000 s" in caplog.text


async def test_coalescing_is_explained(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncScheduler(clock=clock) as scheduler:
        await scheduler.add_schedule(work, IntervalTrigger(seconds=1), id="latest")
        await scheduler.add_schedule(
            work,
            IntervalTrigger(seconds=1),
            id="all",
            coalesce=CoalescePolicy.all,
            catch_up_window=2,
        )
        await clock.advance(4)
        await scheduler.start_in_background()
        await clock.advance(0)

    assert "schedule 'latest' fired: 5 due" in caplog.text
    assert "coalesced into the latest one: 1 jobs" in caplog.text
    assert "schedule 'all' fired: 5 due" in caplog.text
    assert "one job each, none older than 0:00:02: 3 jobs" in caplog.text


async def test_sleep_is_explained(
    scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await scheduler.add_schedule(
        work, IntervalTrigger(seconds=5, start_time=START + timedelta(seconds=5))
    )
    await clock.advance(1)

    assert (
        "sleeping 4.700 s: the next one, due in 0:00:05, is prepared shortly before" in caplog.text
    )


async def test_job_that_comes_too_late_is_explained(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncScheduler(clock=clock) as scheduler:
        await scheduler.add_schedule(
            work, IntervalTrigger(minutes=5), id="s", misfire_grace_time=10
        )
        await clock.advance(60)
        await scheduler.start_in_background()
        await clock.advance(0)

    assert "missed its start deadline" in caplog.text


async def test_failure_is_explained_with_its_traceback(
    scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await scheduler.add_job(fail)
    await clock.advance(0)

    assert "failed: Traceback (most recent call last)" in caplog.text
    assert "ValueError: the reason" in caplog.text
    assert "rota/executors" not in caplog.text, "the frames of rota itself tell nothing"


async def test_nothing_is_said_of_what_goes_well_at_the_default_level(
    scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    caplog.set_level("INFO", logger="rota")
    await scheduler.add_schedule(work, IntervalTrigger(seconds=5))
    await clock.advance(60)

    assert caplog.text == ""


async def test_what_rota_ends_itself_is_explained_without_its_own_frames(
    scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def long() -> None:
        await clock.sleep(100)

    await scheduler.configure_task(long, timeout=5)
    await scheduler.add_job(long)
    await clock.advance(10)

    (failure,) = (r for r in caplog.records if getattr(r, "event", None) == "job.failed")
    assert "JobTimedOut: " in failure.getMessage()
    assert "\n" not in failure.getMessage().strip(), "one line: its frames are those of rota"
