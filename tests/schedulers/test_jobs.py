"""Jobs through the interface of both schedulers: added, run, limited, delayed, tried again, cancelled."""

from __future__ import annotations

import functools
import os
import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from rota import (
    AsyncScheduler,
    JobExecutorLookupError,
    JobOutcome,
    JobTimedOut,
    RetryPolicy,
    TaskLookupError,
    current_job,
)
from tests.schedulers.conftest import every_flavour

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = [pytest.mark.anyio, every_flavour]

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)

ran: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


async def note(*args: Any, **kwargs: Any) -> str:
    ran.append((args, kwargs))
    return "done"


def add(first: int, second: int = 0) -> int:
    return first + second


async def fail(text: str = "no") -> None:
    raise ValueError(text)


class Adder:
    def __init__(self, offset: int) -> None:
        self.offset = offset

    def add(self, number: int) -> int:
        return self.offset + number

    async def __call__(self, number: int) -> int:
        return self.offset + number


class TestRunning:
    async def test_result_of_a_plain_function_is_returned(self, scheduler: AsyncScheduler) -> None:
        assert await scheduler.run_job(add, args=[1], kwargs={"second": 2}) == 3

    async def test_result_of_a_coroutine_function_is_returned(
        self, scheduler: AsyncScheduler
    ) -> None:
        assert await scheduler.run_job(note, args=["a"], kwargs={"b": 1}) == "done"
        assert ran == [(("a",), {"b": 1})]

    async def test_what_the_job_raises_is_raised(self, scheduler: AsyncScheduler) -> None:
        with pytest.raises(ValueError, match=r"^the text$"):
            await scheduler.run_job(fail, args=["the text"])

    @pytest.mark.parametrize(
        "func",
        [
            pytest.param(lambda number: 5 + number, id="lambda"),
            pytest.param(functools.partial(add, 5), id="partial"),
            pytest.param(Adder(5).add, id="bound-method"),
            pytest.param(Adder(5), id="callable-instance"),
        ],
    )
    async def test_any_callable_is_run_from_memory(
        self, scheduler: AsyncScheduler, func: Any
    ) -> None:
        assert await scheduler.run_job(func, args=[3]) == 8

    async def test_two_nested_functions_of_one_name_are_two_tasks(
        self, scheduler: AsyncScheduler
    ) -> None:
        def make(number: int) -> Any:
            def nested() -> int:
                return number

            return nested

        assert await scheduler.run_job(make(1)) == 1
        assert await scheduler.run_job(make(2)) == 2
        assert len(await scheduler.get_tasks()) == 2

    async def test_argument_that_is_not_callable_is_refused(
        self, scheduler: AsyncScheduler
    ) -> None:
        with pytest.raises(
            TypeError, match=r"expected a callable, .* a task or the id of one, got: 5"
        ):
            await scheduler.add_job(5)  # type: ignore[arg-type]

    async def test_wrong_arguments_are_the_error_of_the_job_alone(
        self, scheduler: AsyncScheduler
    ) -> None:
        with pytest.raises(TypeError, match="third"):
            await scheduler.run_job(add, kwargs={"first": 1, "second": 2, "third": 3})
        assert await scheduler.run_job(add, args=[1]) == 1


class TestExecutors:
    async def test_plain_function_runs_in_a_thread_and_a_coroutine_on_the_loop(
        self, scheduler: AsyncScheduler
    ) -> None:
        async def here() -> int:
            return threading.get_ident()

        loop = await scheduler.run_job(here)
        assert await scheduler.run_job(threading.get_ident) != loop

    async def test_executor_can_be_named(self, scheduler: AsyncScheduler) -> None:
        assert await scheduler.run_job(os.getpid, job_executor="processpool") != os.getpid()

    async def test_unknown_executor_is_refused_with_the_known_ones(
        self, scheduler: AsyncScheduler
    ) -> None:
        with pytest.raises(JobExecutorLookupError, match="'gpu'; there are: async, threadpool"):
            await scheduler.add_job(add, job_executor="gpu")
        assert await scheduler.get_jobs() == []


class TestQueue:
    async def test_jobs_are_listed_until_they_have_ended(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        first = await scheduler.add_job(note, run_at=START + SECOND)
        second = await scheduler.add_job(note, run_at=START + 2 * SECOND)

        assert [job.id for job in await scheduler.get_jobs()] == [first, second]
        assert [job.id for job in await scheduler.get_jobs({second})] == [second]
        assert await scheduler.get_jobs(set()) == []
        await clock.advance(1)
        assert [job.id for job in await scheduler.get_jobs()] == [second]

    async def test_job_is_not_run_before_its_time(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def look() -> None:
            ran.append(clock.now())

        await scheduler.add_job(look, run_at=START + 90 * SECOND)
        await clock.advance(89.9)
        assert ran == []
        await clock.advance(0.1)
        assert ran == [START + 90 * SECOND]

    async def test_naive_time_is_refused(self, scheduler: AsyncScheduler) -> None:
        with pytest.raises(ValueError, match=r"^run_at must have a time zone, got: 2025-01-01"):
            await scheduler.add_job(note, run_at=datetime(2025, 1, 1))  # noqa: DTZ001 - meant

    async def test_higher_priority_is_run_first_and_then_who_came_first(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        due = START + SECOND
        for number, priority in enumerate([0, 5, -1, 5]):
            await scheduler.add_job(note, args=[number], priority=priority, run_at=due)
        await clock.advance(1)

        assert [args[0] for args, _ in ran] == [1, 3, 0, 2]

    async def test_many_jobs_are_added_at_once(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        ids = await scheduler.add_jobs({"func_or_task_id": note, "args": [n]} for n in range(300))
        await clock.advance(0)

        assert len(set(ids)) == 300
        assert [args[0] for args, _ in ran] == list(range(300))

    async def test_of_many_jobs_none_is_added_if_one_cannot_be(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        with pytest.raises(TaskLookupError, match="'nothing'"):
            await scheduler.add_jobs([{"func_or_task_id": note}, {"func_or_task_id": "nothing"}])
        await clock.advance(1)

        assert ran == []

    async def test_metadata_of_the_task_is_added_to(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def look() -> None:
            ran.append(current_job.get().metadata)

        await scheduler.configure_task(look, metadata={"from": "task", "task": True})
        await scheduler.add_job(look, metadata={"from": "job"})
        await clock.advance(0)

        assert ran == [{"from": "job", "task": True}]


class TestLimits:
    async def most_at_once(
        self, scheduler: AsyncScheduler, clock: VirtualClock, jobs: int, **settings: Any
    ) -> int:
        running = most = 0

        async def work() -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await clock.sleep(1)
            running -= 1

        await scheduler.configure_task("work", func=work, **settings)
        await scheduler.add_jobs({"func_or_task_id": "work"} for _ in range(jobs))
        await clock.advance(jobs)
        assert await scheduler.get_jobs() == []
        return most

    async def test_one_job_of_a_task_runs_at_a_time_by_default(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        assert await self.most_at_once(scheduler, clock, 5) == 1

    async def test_more_run_if_the_task_allows_it(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        assert await self.most_at_once(scheduler, clock, 9, max_running_jobs=3) == 3

    async def test_scheduler_holds_no_more_jobs_than_it_may(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        most = await self.most_at_once(scheduler, clock, 250, max_running_jobs=None)
        assert most == scheduler.max_concurrent_jobs == 100

    async def test_task_at_its_limit_does_not_hold_up_another(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def long() -> None:
            await clock.sleep(1000)

        await scheduler.add_jobs({"func_or_task_id": long} for _ in range(200))
        await scheduler.add_job(note)
        await clock.advance(0)

        assert len(ran) == 1


class TestFailing:
    async def test_job_is_tried_again_as_often_as_its_task_says(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def third_time_lucky() -> int:
            ran.append((clock.now(), current_job.get().attempt))
            if len(ran) < 3:
                raise ValueError("not yet")
            return 42

        await scheduler.configure_task(
            third_time_lucky, retry=RetryPolicy(max_attempts=5, first_delay=10)
        )
        job_id = await scheduler.add_job(third_time_lucky, result_expiration_time=60)
        await clock.advance(60)
        result = await scheduler.get_job_result(job_id)

        assert result is not None
        assert (result.outcome, result.return_value) == (JobOutcome.success, 42)
        assert [attempt for _, attempt in ran] == [1, 2, 3]
        first, second, third = (when for when, _ in ran)
        assert 5 * SECOND <= second - first <= 10 * SECOND
        assert 10 * SECOND <= third - second <= 20 * SECOND

    async def test_last_attempt_that_fails_is_the_result(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.configure_task(fail, retry=RetryPolicy(max_attempts=2, first_delay=1))
        job_id = await scheduler.add_job(fail, args=["twice"], result_expiration_time=60)
        await clock.advance(2)
        result = await scheduler.get_job_result(job_id)

        assert result is not None
        assert (result.outcome, result.attempt) == (JobOutcome.error, 2)
        assert isinstance(result.exception, ValueError)

    async def test_job_that_takes_too_long_is_cut_off(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def long() -> None:
            try:
                await clock.sleep(100)
            finally:
                ran.append(clock.now())

        await scheduler.configure_task(long, timeout=5)
        job_id = await scheduler.add_job(long, result_expiration_time=60)
        await clock.advance(10)
        result = await scheduler.get_job_result(job_id)

        assert ran == [START + 5 * SECOND]
        assert result is not None
        assert isinstance(result.exception, JobTimedOut)

    async def test_job_that_starts_too_late_is_not_run(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def first() -> None:
            await clock.sleep(60)

        await scheduler.configure_task("t", func=first, misfire_grace_time=10)
        await scheduler.add_job("t", run_at=START)
        late = await scheduler.add_job("t", run_at=START + SECOND, result_expiration_time=600)
        await clock.advance(61)
        result = await scheduler.get_job_result(late)

        assert result is not None
        assert result.outcome is JobOutcome.missed_start_deadline
        assert result.started_at is None


class TestCancelling:
    async def test_waiting_job_is_never_run(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        job_id = await scheduler.add_job(note, run_at=START + SECOND, result_expiration_time=60)

        assert await scheduler.cancel_job(job_id)
        await clock.advance(2)
        result = await scheduler.get_job_result(job_id)
        assert ran == []
        assert result is not None
        assert result.outcome is JobOutcome.cancelled

    async def test_running_coroutine_is_cancelled_at_once(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def long() -> None:
            try:
                await clock.sleep(1000)
            finally:
                ran.append(clock.now())

        job_id = await scheduler.add_job(long, result_expiration_time=60)
        await clock.advance(1)
        assert await scheduler.cancel_job(job_id)
        await clock.advance(0)
        result = await scheduler.get_job_result(job_id)

        assert ran == [START + SECOND]
        assert result is not None
        assert result.outcome is JobOutcome.cancelled
        assert await scheduler.run_job(note) == "done"

    async def test_job_that_has_ended_cannot_be_cancelled(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        job_id = await scheduler.add_job(note)
        await clock.advance(0)

        assert not await scheduler.cancel_job(job_id)

    async def test_job_may_cancel_what_it_runs_in_without_harm(
        self, scheduler: AsyncScheduler
    ) -> None:
        async def cut_short() -> str:
            with anyio.move_on_after(0):
                await anyio.lowlevel.checkpoint()
            return "went on"

        assert await scheduler.run_job(cut_short) == "went on"
