"""Results: waited for, kept as long as asked, and what an exception may do to them."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from rota import (
    AsyncScheduler,
    Event,
    JobCancelled,
    JobLookupError,
    JobOutcome,
    JobReleased,
    JobResultNotReady,
    current_async_scheduler,
    current_job,
)
from tests.schedulers.conftest import every_flavour

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = [pytest.mark.anyio, every_flavour]

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
MEGABYTE = 1_000_000
VARIABLE: ContextVar[object] = ContextVar("VARIABLE", default=None)


async def answer() -> int:
    return 42


def answer_in_thread() -> int:
    return 42


class Unpicklable(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("not this one")


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


async def test_result_tells_when_and_how_the_job_ran(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    async def slow() -> int:
        await clock.sleep(5)
        return 7

    job_id = await scheduler.add_job(slow, result_expiration_time=60)
    await clock.advance(5)
    result = await scheduler.get_job_result(job_id)

    assert result is not None
    assert (result.job_id, result.outcome, result.return_value) == (job_id, JobOutcome.success, 7)
    assert (result.started_at, result.finished_at) == (START, START + 5 * SECOND)
    assert result.expires_at == START + 65 * SECOND
    assert (result.exception, result.attempt) == (None, 1)


async def test_result_is_not_kept_by_default(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    job_id = await scheduler.add_job(answer_in_thread)
    await clock.advance(0)

    with pytest.raises(JobLookupError, match=str(job_id)):
        await scheduler.get_job_result(job_id)


async def test_result_is_removed_when_its_time_is_up(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    job_id = await scheduler.add_job(answer, result_expiration_time=60)
    await clock.advance(59)
    await scheduler.cleanup()
    assert await scheduler.get_job_result(job_id) is not None

    await clock.advance(2)
    await scheduler.cleanup()
    with pytest.raises(JobLookupError):
        await scheduler.get_job_result(job_id)


async def test_running_scheduler_cleans_up_by_itself(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    job_id = await scheduler.add_job(answer, result_expiration_time=60)
    await clock.advance(timedelta(hours=1))

    with pytest.raises(JobLookupError):
        await scheduler.get_job_result(job_id)


async def test_not_waiting_for_a_job_that_has_not_ended_raises(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    job_id = await scheduler.add_job(answer, run_at=START + SECOND, result_expiration_time=60)
    with pytest.raises(JobResultNotReady, match=f"job {job_id} has not finished"):
        await scheduler.get_job_result(job_id, wait=False)

    await clock.advance(1)
    result = await scheduler.get_job_result(job_id, wait=False)
    assert result is not None
    assert result.return_value == 42


async def test_unknown_job_raises(scheduler: AsyncScheduler) -> None:
    with pytest.raises(JobLookupError, match="no unfinished job and no kept result with the id"):
        await scheduler.get_job_result(UUID(int=1))


async def test_run_job_says_that_the_job_was_cancelled(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    async def cancel_itself() -> None:
        running = current_async_scheduler.get()
        assert running is not None
        await running.cancel_job(current_job.get().id)
        await clock.sleep(1)

    with pytest.raises(JobCancelled, match="was cancelled"):
        await scheduler.run_job(cancel_itself)


@pytest.mark.parametrize("error", [SystemExit(2), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_job_that_wants_to_end_the_process_ends_nobody(
    scheduler: AsyncScheduler, error: BaseException
) -> None:
    def leave() -> None:
        raise error

    name = type(error).__name__
    with pytest.raises(RuntimeError, match=f"^the job raised {name}: ") as raised:
        await scheduler.run_job(leave)
    assert isinstance(raised.value.__cause__, type(error))
    assert await scheduler.run_job(answer) == 42


async def test_coroutine_function_in_a_thread_is_refused(scheduler: AsyncScheduler) -> None:
    with pytest.raises(TypeError, match="returned a coroutine, which only the executor of"):
        await scheduler.run_job(answer, job_executor="threadpool")


async def test_context_variable_whose_values_cannot_be_compared_does_no_harm(
    scheduler: AsyncScheduler,
) -> None:
    class Incomparable:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, _: object) -> bool:
            raise ValueError("the truth value is ambiguous")

    async def leave() -> str:
        VARIABLE.set(Incomparable())
        VARIABLE.set(Incomparable())
        return "done"

    VARIABLE.set(Incomparable())
    assert await scheduler.run_job(leave) == "done"
    assert await scheduler.run_job(answer) == 42


class TestExceptions:
    async def release_of(
        self, scheduler: AsyncScheduler, clock: VirtualClock, exception: BaseException
    ) -> JobReleased:
        """Let a job raise, see that this is its result, and return the event that tells of it."""

        async def job() -> None:
            raise exception

        events: list[Event] = []
        scheduler.subscribe(events.append, JobReleased)
        job_id = await scheduler.add_job(job, result_expiration_time=60)
        await clock.advance(1)
        result = await scheduler.get_job_result(job_id)
        assert result is not None
        assert (result.outcome, result.exception) == (JobOutcome.error, exception)
        assert await scheduler.run_job(answer) == 42, "the scheduler goes on"
        event = events[0]
        assert isinstance(event, JobReleased)
        return event

    async def test_exception_that_cannot_be_pickled_is_kept_as_it_is(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        event = await self.release_of(scheduler, clock, Unpicklable("odd"))
        assert event.exception_type == f"{__name__}.Unpicklable"
        assert event.exception_message == "odd"

    async def test_megabyte_of_message_does_not_reach_events_and_log(
        self, scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        event = await self.release_of(scheduler, clock, ValueError("x" * MEGABYTE))
        assert event.exception_message is not None
        assert len(event.exception_message) <= 4_096
        assert sum(map(len, event.exception_traceback or [])) <= 4_096
        assert len(caplog.text) < 10_000

    async def test_exception_without_a_text_is_an_error_like_any_other(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        event = await self.release_of(scheduler, clock, Mute())
        assert event.exception_message == "<its text cannot be had: RuntimeError>"

    @pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
    async def test_exception_that_would_end_a_program_ends_only_the_job(
        self, scheduler: AsyncScheduler, clock: VirtualClock, kind: type[BaseException]
    ) -> None:
        event = await self.release_of(scheduler, clock, kind("stop"))
        assert event.exception_type == kind.__name__
