"""The debugging log explains every decision."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import anyio
import pytest

from rota import AsyncScheduler, CoalescePolicy, IntervalTrigger, JobTimedOut, RetryPolicy

if TYPE_CHECKING:
    import logging

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


def records_of(caplog: pytest.LogCaptureFixture, event: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if getattr(record, "event", None) == event]


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

    (failure,) = records_of(caplog, "job.failed")
    assert failure.levelname == "ERROR"
    assert failure.exc_info is not None
    assert isinstance(failure.exc_info[1], ValueError)
    assert "Traceback (most recent call last)" in caplog.text
    assert "ValueError: the reason" in caplog.text
    assert "rota/executors" not in caplog.text, "the frames of rota itself tell nothing"


async def test_attempt_that_is_not_the_last_is_a_warning(
    scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await scheduler.configure_task(fail, retry=RetryPolicy(max_attempts=2, first_delay=1))
    await scheduler.add_job(fail)
    await clock.advance(2)

    first, last = records_of(caplog, "job.failed")
    assert (first.levelname, last.levelname) == ("WARNING", "ERROR")
    assert re.search(r"failed in attempt 1, to be tried again in 0\.\d+ s$", first.getMessage())
    assert last.getMessage().endswith("failed in attempt 2")


async def test_of_a_long_traceback_the_end_is_told(
    scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def complain() -> None:
        raise ValueError("x" * 1_000_000 + " the end")

    await scheduler.add_job(complain)
    await clock.advance(0)

    (failure,) = records_of(caplog, "job.failed")
    assert failure.exc_info is None
    assert failure.getMessage().endswith("x the end\n")
    assert len(failure.getMessage()) < 5_000


async def test_job_that_the_stop_cuts_short_is_a_warning(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def long() -> None:
        await clock.sleep(100)

    async with AsyncScheduler(clock=clock, shutdown_timeout=0) as scheduler:
        await scheduler.add_job(long)
        await scheduler.start_in_background()
        await clock.advance(1)

    (record,) = records_of(caplog, "job.given_up")
    assert record.levelname == "WARNING"
    assert record.getMessage().endswith("was given up: stopped")


async def test_waiting_for_a_job_that_nobody_runs_is_a_warning(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncScheduler(clock=clock) as scheduler:
        with anyio.move_on_after(1), clock.autojump():
            await scheduler.run_job(work)

    (record,) = records_of(caplog, "job.not_started")
    assert record.getMessage().endswith("waits until a scheduler is started; this one has not been")


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

    (failure,) = records_of(caplog, "job.failed")
    assert failure.exc_info is not None
    assert isinstance(failure.exc_info[1], JobTimedOut)
    assert failure.exc_info[2] is None, "its frames are those of rota"
