"""Tasks: configured, decorated, and what they inherit."""

from __future__ import annotations

from datetime import timedelta
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest

from rota import (
    AbandonedPolicy,
    AsyncScheduler,
    CallableLookupError,
    IntervalTrigger,
    JobExecutorLookupError,
    RetryPolicy,
    Scheduler,
    Task,
    TaskAdded,
    TaskDefaults,
    TaskLookupError,
    TaskUpdated,
    task,
)
from rota.datastores.memory import MemoryDataStore
from rota.schedulers._decorator import decorated_tasks
from tests.schedulers.conftest import every_flavour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rota.testing import VirtualClock

pytestmark = [pytest.mark.anyio, every_flavour]


async def work(number: int = 1) -> int:
    return number


def work_in_thread() -> None:
    """Do nothing."""


@pytest.fixture(autouse=True)
def no_decorated_tasks() -> Iterator[None]:
    before = dict(decorated_tasks)
    yield
    decorated_tasks.clear()
    decorated_tasks.update(before)


class Counter:
    def __init__(self, start: int) -> None:
        self.start = start

    @task(timeout=5)
    async def count_from(self, number: int) -> int:
        return self.start + number

    @task(id="counting")
    async def count_by_id(self, number: int) -> int:
        return self.start + number


class PersistentStore(MemoryDataStore):
    """Makes a scheduler believe that what it stores outlives the process."""

    persistent = True


class TestConfiguring:
    async def test_task_is_named_after_its_callable(self, scheduler: AsyncScheduler) -> None:
        configured = await scheduler.configure_task(work)

        assert configured.id == configured.func == f"{__name__}:work"
        assert await scheduler.get_tasks() == [configured]

    async def test_settings_reach_the_task(self, scheduler: AsyncScheduler) -> None:
        retry = RetryPolicy(max_attempts=3)
        configured = await scheduler.configure_task(
            "t",
            func=work,
            job_executor="threadpool",
            max_running_jobs=4,
            misfire_grace_time=5,
            metadata={"k": 1},
            retry=retry,
            timeout=7.5,
            abandoned=AbandonedPolicy.run_again,
            tags=["a", "b"],
        )

        assert configured == Task(
            id="t",
            func=f"{__name__}:work",
            job_executor="threadpool",
            max_running_jobs=4,
            misfire_grace_time=timedelta(seconds=5),
            metadata={"k": 1},
            retry=retry,
            timeout=timedelta(seconds=7.5),
            abandoned=AbandonedPolicy.run_again,
            tags=frozenset("ab"),
        )

    async def test_configuring_again_changes_what_is_given_alone(
        self, scheduler: AsyncScheduler
    ) -> None:
        await scheduler.configure_task(work, max_running_jobs=4, misfire_grace_time=5)
        configured = await scheduler.configure_task(work, misfire_grace_time=None)

        assert configured.max_running_jobs == 4
        assert configured.misfire_grace_time is None

    async def test_task_object_keeps_its_callable(self, scheduler: AsyncScheduler) -> None:
        """Passing a task back must not lose what it runs."""
        configured = await scheduler.configure_task(work)
        again = await scheduler.configure_task(configured, max_running_jobs=2)

        assert (again.func, again.max_running_jobs) == (configured.func, 2)
        assert await scheduler.run_job(again, args=[3]) == 3

    async def test_new_limit_counts_for_the_jobs_that_wait(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        started = []

        async def long() -> None:
            started.append(clock.now())
            await clock.sleep(100)

        await scheduler.configure_task("t", func=long)
        await scheduler.add_jobs({"func_or_task_id": "t"} for _ in range(5))
        await clock.advance(1)
        assert len(started) == 1
        await scheduler.configure_task("t", max_running_jobs=4)
        await clock.advance(0)
        assert len(started) == 4

    async def test_callable_can_be_exchanged(self, scheduler: AsyncScheduler) -> None:
        await scheduler.configure_task("t", func=lambda: "old")
        assert await scheduler.run_job("t") == "old"
        await scheduler.configure_task("t", func=lambda: "new")
        assert await scheduler.run_job("t") == "new"

    async def test_unknown_id_needs_a_callable(self, scheduler: AsyncScheduler) -> None:
        with pytest.raises(TaskLookupError, match="no task with the id 't'"):
            await scheduler.configure_task("t", max_running_jobs=2)

    async def test_two_callables_are_one_too_many(self, scheduler: AsyncScheduler) -> None:
        with pytest.raises(ValueError, match="func must not be given together with a callable"):
            await scheduler.configure_task(work, func=work)

    async def test_what_cannot_be_called_is_refused(self, scheduler: AsyncScheduler) -> None:
        with pytest.raises(TypeError, match="func must be callable, got: 5"):
            await scheduler.configure_task("t", func=5)  # type: ignore[arg-type]

    @pytest.mark.parametrize("limit", [0, -1])
    async def test_limit_below_one_is_refused(self, scheduler: AsyncScheduler, limit: int) -> None:
        with pytest.raises(ValueError, match=f"max_running_jobs must be .*, got: {limit}"):
            await scheduler.configure_task(work, max_running_jobs=limit)

    async def test_unknown_executor_is_refused_and_changes_nothing(
        self, scheduler: AsyncScheduler
    ) -> None:
        with pytest.raises(JobExecutorLookupError, match="'gpu'"):
            await scheduler.configure_task(work, job_executor="gpu")
        assert await scheduler.get_tasks() == []

    async def test_changes_are_announced(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        events: list[Any] = []
        scheduler.subscribe(events.append, [TaskAdded, TaskUpdated])
        await scheduler.configure_task("t", func=work)
        await scheduler.configure_task("t", max_running_jobs=2)
        await clock.advance(0)

        assert [(type(event), event.task_id) for event in events] == [
            (TaskAdded, "t"),
            (TaskUpdated, "t"),
        ]


class TestDecorator:
    async def test_settings_are_used_wherever_the_function_is(
        self, scheduler: AsyncScheduler
    ) -> None:
        @task(id="decorated", max_running_jobs=7, metadata={"k": 1})
        async def function() -> int:
            return 5

        assert await scheduler.run_job(function) == 5
        (known,) = await scheduler.get_tasks()
        assert (known.id, known.max_running_jobs, known.metadata) == ("decorated", 7, {"k": 1})

    async def test_decorated_function_is_known_by_its_id(self, scheduler: AsyncScheduler) -> None:
        @task(id="by-name")
        async def function() -> int:
            return 5

        assert await scheduler.run_job("by-name") == 5

    async def test_configuring_overrides_the_decorator(self, scheduler: AsyncScheduler) -> None:
        @task(id="t", max_running_jobs=7, misfire_grace_time=3)
        async def function() -> None:
            """Do nothing."""

        configured = await scheduler.configure_task(function, max_running_jobs=2)
        assert configured.max_running_jobs == 2
        assert configured.misfire_grace_time == timedelta(seconds=3)
        await scheduler.add_job(function)
        assert (await scheduler.get_tasks())[0].max_running_jobs == 2

    async def test_bare_decorator_leaves_the_function_as_it_is(
        self, scheduler: AsyncScheduler
    ) -> None:
        decorated = task(work_in_thread)

        assert decorated is work_in_thread
        await scheduler.run_job(decorated)
        assert [known.id for known in await scheduler.get_tasks()] == [f"{__name__}:work_in_thread"]

    async def test_id_may_be_given_by_position(self, scheduler: AsyncScheduler) -> None:
        @task("greeting")
        def greet() -> str:
            return "hello"

        assert await scheduler.run_job("greeting") == "hello"

    async def test_what_is_neither_id_nor_function_is_refused(
        self, scheduler: AsyncScheduler
    ) -> None:
        with pytest.raises(TypeError, match=r"id must be the id of a task, .* got: 5"):
            task(5)  # type: ignore[call-overload]

    async def test_id_of_another_function_is_refused(self) -> None:
        @task(id="taken")
        def first() -> None:
            """Have the id."""

        def second() -> None:
            """Want it, too."""

        with pytest.raises(ValueError, match=r"^task id 'taken' is that of .*first already$"):
            task(id="taken")(second)
        again = FunctionType(first.__code__, {"__name__": "imported.by.another.name"})
        again.__qualname__ = first.__qualname__
        assert task(id="taken")(again) is again

    async def test_decorated_method_keeps_its_object(self, scheduler: AsyncScheduler) -> None:
        counter = Counter(4)
        assert await scheduler.run_job(counter.count_from, args=[3]) == 7
        assert await scheduler.run_job(Counter(5).count_from, args=[3]) == 8
        assert await scheduler.run_job(counter.count_by_id, args=[3]) == 7


class TestInheritance:
    async def test_task_inherits_from_the_scheduler_what_it_does_not_say(
        self, clock: VirtualClock
    ) -> None:
        defaults = TaskDefaults(
            job_executor="processpool",
            max_running_jobs=3,
            misfire_grace_time=9,
            metadata={"from": "defaults", "defaults": 1},
            timeout=11,
            tags={"x"},
        )
        async with AsyncScheduler(clock=clock, task_defaults=defaults) as scheduler:
            plain = await scheduler.configure_task("plain", func=work_in_thread)
            own = await scheduler.configure_task(
                "own",
                func=work,
                job_executor="async",
                max_running_jobs=None,
                misfire_grace_time=None,
                metadata={"from": "task"},
                tags=[],
            )

        assert (plain.job_executor, plain.max_running_jobs) == ("processpool", 3)
        assert plain.misfire_grace_time == timedelta(seconds=9)
        assert (plain.timeout, plain.tags) == (timedelta(seconds=11), frozenset("x"))
        assert (own.job_executor, own.max_running_jobs, own.misfire_grace_time) == (
            "async",
            None,
            None,
        )
        assert own.metadata == {"from": "task", "defaults": 1}
        assert (own.timeout, own.tags) == (timedelta(seconds=11), frozenset())

    async def test_executor_is_chosen_by_the_kind_of_callable(
        self, scheduler: AsyncScheduler
    ) -> None:
        executors = [
            (await scheduler.configure_task(func)).job_executor for func in (work, work_in_thread)
        ]
        assert executors == ["async", "threadpool"]

    async def test_job_runs_with_the_settings_of_the_schedule_before_those_of_the_task(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        await scheduler.configure_task(
            "t", func=work, misfire_grace_time=60, metadata={"a": "task", "b": "task"}
        )
        await scheduler.add_schedule(
            "t", IntervalTrigger(hours=1), misfire_grace_time=5, metadata={"a": "schedule"}
        )
        (schedule,) = await scheduler.get_schedules()

        assert schedule.misfire_grace_time == timedelta(seconds=5)
        assert schedule.metadata == {"a": "schedule", "b": "task"}


class TestPersistentStore:
    async def test_lambda_is_refused_with_what_to_do_instead(self, clock: VirtualClock) -> None:
        async with AsyncScheduler(PersistentStore(), clock=clock) as scheduler:
            with pytest.raises(CallableLookupError) as raised:
                await scheduler.add_schedule(lambda: 1, IntervalTrigger(hours=1))
            assert await scheduler.get_tasks() == []

        text = str(raised.value)
        assert "a persistent data store needs a callable that can be imported" in text
        assert "configure_task('some-id', func=...)" in text
        assert "<lambda>" in text

    async def test_lambda_with_an_id_runs(self, clock: VirtualClock) -> None:
        with Scheduler(PersistentStore(), clock=clock) as scheduler:
            scheduler.start_in_background()
            scheduler.configure_task("t", func=lambda: 5)
            assert scheduler.run_job("t") == 5

    async def test_process_without_the_callable_fails_the_job_and_says_why(
        self, clock: VirtualClock
    ) -> None:
        store = PersistentStore()
        async with (
            AsyncScheduler(store, clock=clock) as knows,
            AsyncScheduler(store, clock=clock) as ignorant,
        ):
            await knows.configure_task("t", func=lambda: 5)
            await ignorant.start_in_background()
            job_id = await ignorant.add_job("t", result_expiration_time=60)
            await clock.advance(1)
            result = await ignorant.get_job_result(job_id)

        assert result is not None
        assert "configure_task('t', func=...)" in str(result.exception)

    async def test_process_without_the_callable_leaves_further_attempts_to_others(
        self, clock: VirtualClock
    ) -> None:
        store = PersistentStore()
        async with (
            AsyncScheduler(store, clock=clock) as knows,
            AsyncScheduler(store, clock=clock) as ignorant,
        ):
            policy = RetryPolicy(max_attempts=2, first_delay=1)
            await knows.configure_task("t", func=lambda: 5, retry=policy)
            await ignorant.start_in_background()
            job_id = await ignorant.add_job("t", result_expiration_time=60)
            await clock.advance(0)
            await ignorant.stop()
            await knows.start_in_background()
            await clock.advance(2)
            result = await knows.get_job_result(job_id)

        assert result is not None
        assert (result.return_value, result.attempt) == (5, 2)
