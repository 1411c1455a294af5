"""What every executor must do, and what is particular to each."""

from __future__ import annotations

import functools
import os
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import pytest

from rota.executors.async_ import AsyncJobExecutor
from rota.executors.subprocess import ProcessPoolJobExecutor
from rota.executors.thread import ThreadPoolJobExecutor
from rota.model import Job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rota.abc import JobExecutor
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

flavour: ContextVar[str] = ContextVar("flavour", default="none")


def job(*args: Any, **kwargs: Any) -> Job:
    return Job(
        id=UUID(int=1),
        task_id="t",
        args=args,
        kwargs=kwargs,
        executor="x",
        created_at=datetime(2025, 1, 1, tzinfo=timezone.utc),
    )


@asynccontextmanager
async def started(executor: JobExecutor, clock: VirtualClock) -> AsyncIterator[JobExecutor]:
    async with AsyncExitStack() as exit_stack:
        await executor.start(exit_stack, clock)
        yield executor


@pytest.fixture(params=[AsyncJobExecutor, ThreadPoolJobExecutor, ProcessPoolJobExecutor])
async def executor(
    request: pytest.FixtureRequest, clock: VirtualClock
) -> AsyncIterator[JobExecutor]:
    async with started(request.param(), clock) as executor:
        yield executor


def combine(*args: object, **kwargs: object) -> str:
    return f"{args} {kwargs}"


def fail(exception: BaseException) -> None:
    raise exception


class Picky(Exception):
    """Its constructor wants more than its `args` say, so that it can be pickled but not unpickled."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)


async def test_callable_is_called_with_the_arguments_of_the_job(executor: JobExecutor) -> None:
    assert await executor.run_job(combine, job(1, "b", c=3)) == "(1, 'b') {'c': 3}"


async def test_exception_is_raised_as_it_is(executor: JobExecutor) -> None:
    with pytest.raises(KeyError, match="the key"):
        await executor.run_job(fail, job(KeyError("the key")))


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
async def test_exception_that_would_end_a_process_is_raised_as_it_is(
    executor: JobExecutor, kind: type[BaseException]
) -> None:
    with pytest.raises(kind, match="over"):
        await executor.run_job(fail, job(kind("over")))
    assert await executor.run_job(combine, job()) == "() {}"


class TestAsync:
    async def test_coroutine_function_is_awaited(self, clock: VirtualClock) -> None:
        async def double(number: int) -> int:
            await clock.sleep(0)
            return 2 * number

        assert await AsyncJobExecutor().run_job(double, job(4)) == 8

    async def test_any_awaitable_is_awaited(self) -> None:
        class Later:
            def __await__(self) -> Any:
                return anyio.lowlevel.checkpoint().__await__()

        assert await AsyncJobExecutor().run_job(Later, job()) is None


class TestThread:
    async def test_job_runs_in_another_thread_with_the_context(self, clock: VirtualClock) -> None:
        flavour.set("vanilla")
        async with started(ThreadPoolJobExecutor(), clock) as executor:
            thread, value = await executor.run_job(
                lambda: (threading.get_ident(), flavour.get()), job()
            )
        assert thread != threading.get_ident()
        assert value == "vanilla"

    async def test_context_of_one_job_is_not_seen_by_the_next(self, clock: VirtualClock) -> None:
        async with started(ThreadPoolJobExecutor(max_workers=1), clock) as executor:
            await executor.run_job(flavour.set, job("lemon"))
            assert await executor.run_job(flavour.get, job()) == "none"

    async def test_no_more_than_max_workers_run_at_once(self, clock: VirtualClock) -> None:
        now, most, lock = 0, 0, threading.Lock()
        barrier = threading.Barrier(3)

        def count() -> None:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            barrier.wait(10)  # proves that three do run at once
            with lock:
                now -= 1
            barrier.wait(10)

        async with (
            started(ThreadPoolJobExecutor(max_workers=3), clock) as executor,
            anyio.create_task_group() as group,
        ):
            for _ in range(9):
                group.start_soon(executor.run_job, count, job())
        assert most == 3

    async def test_cancelled_job_is_left_behind_and_its_place_is_taken(
        self, clock: VirtualClock
    ) -> None:
        begun, release, ended = threading.Event(), threading.Event(), threading.Event()

        def block() -> None:
            begun.set()
            release.wait(20)
            ended.set()

        async with started(ThreadPoolJobExecutor(max_workers=1), clock) as executor:
            async with anyio.create_task_group() as group:
                group.start_soon(executor.run_job, block, job())
                await anyio.to_thread.run_sync(begun.wait, 20)
                group.cancel_scope.cancel()
            assert await executor.run_job(combine, job()) == "() {}"
            assert not ended.is_set()
            release.set()
            assert ended.wait(20)
            assert await executor.run_job(combine, job()) == "() {}"

    async def test_call_cancelled_before_a_thread_took_it_never_starts(
        self, clock: VirtualClock
    ) -> None:
        release = threading.Event()
        calls: list[int] = []
        async with started(ThreadPoolJobExecutor(max_workers=1), clock) as executor:
            async with anyio.create_task_group() as group:
                group.start_soon(executor.run_job, release.wait, job(20))
                await clock.sleep(0)
                with anyio.CancelScope() as scope:
                    async with anyio.create_task_group() as waiting:
                        waiting.start_soon(executor.run_job, calls.append, job(1))
                        await clock.sleep(0)
                        scope.cancel()
                release.set()
            await executor.run_job(calls.append, job(2))
        assert calls == [2]

    async def test_stop_iteration_from_a_job_is_an_error_like_any_other(
        self, clock: VirtualClock
    ) -> None:
        async with started(ThreadPoolJobExecutor(), clock) as executor:
            with pytest.raises(RuntimeError, match="StopIteration"):
                await executor.run_job(fail, job(StopIteration()))

    async def test_virtual_time_stands_still_while_a_thread_works(
        self, clock: VirtualClock
    ) -> None:
        before = clock.now()
        async with started(ThreadPoolJobExecutor(), clock) as executor:
            release = threading.Event()
            seen = []

            def work() -> None:
                release.wait(20)
                seen.append(clock.now())

            async with anyio.create_task_group() as group:
                group.start_soon(executor.run_job, work, job())
                await clock.sleep(0)
                threading.Timer(
                    0.05, release.set
                ).start()  # real time: only then can virtual time go on
                await clock.advance(3600)
        assert seen == [before]

    @pytest.mark.parametrize("workers", [0, -1])
    def test_max_workers_below_one_is_refused(self, workers: int) -> None:
        with pytest.raises(ValueError, match=f"max_workers must be at least 1, got: {workers}"):
            ThreadPoolJobExecutor(max_workers=workers)


class TestProcess:
    async def test_job_runs_in_another_process(self, clock: VirtualClock) -> None:
        async with started(ProcessPoolJobExecutor(max_workers=1), clock) as executor:
            first = await executor.run_job(os.getpid, job())
            assert first != os.getpid()
            assert await executor.run_job(os.getpid, job()) == first

    @pytest.mark.parametrize(
        ("exception", "text"),
        [
            pytest.param(Picky("one", "two"), "Picky: one", id="cannot-be-unpickled"),
        ],
    )
    async def test_exception_that_cannot_be_sent_keeps_its_name_and_text(
        self, clock: VirtualClock, exception: BaseException, text: str
    ) -> None:
        async with started(ProcessPoolJobExecutor(max_workers=1), clock) as executor:
            with pytest.raises(RuntimeError, match=text):
                await executor.run_job(
                    functools.partial(eval, "(_ for _ in ()).throw(Picky('one', 'two'))"),
                    job({"Picky": Picky}),
                )

    async def test_unpicklable_return_value_is_an_error(self, clock: VirtualClock) -> None:
        async with started(ProcessPoolJobExecutor(max_workers=1), clock) as executor:
            with pytest.raises(Exception, match="pickle"):
                await executor.run_job(eval, job("lambda: 0"))
            assert await executor.run_job(combine, job()) == "() {}"

    async def test_process_that_is_killed_takes_only_its_own_job_with_it(
        self, clock: VirtualClock
    ) -> None:
        async with started(ProcessPoolJobExecutor(max_workers=1), clock) as executor:
            with pytest.raises(RuntimeError, match="the process that ran the job died"):
                await executor.run_job(os._exit, job(9))
            assert await executor.run_job(combine, job()) == "() {}"

    @pytest.mark.parametrize("workers", [0, -1])
    def test_max_workers_below_one_is_refused(self, workers: int) -> None:
        with pytest.raises(ValueError, match=f"max_workers must be at least 1, got: {workers}"):
            ProcessPoolJobExecutor(max_workers=workers)
