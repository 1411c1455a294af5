"""Runs one claimed job, and says how it ended."""

from __future__ import annotations

import os
from contextvars import copy_context
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anyio
from anyio import get_cancelled_exc_class, move_on_after

from rota.model import JobExecutorLookupError, JobOutcome, JobTimedOut, RotaError
from rota.schedulers._claim import Verdict
from rota.schedulers._context import job_variable
from rota.schedulers._job_log import JobLog
from rota.schedulers._job_outcome import ended, failed, handed_back, stopped
from rota.schedulers._workers import being_cancelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from rota.abc import JobExecutor
    from rota.model import Job, JobRelease
    from rota.schedulers._claim import Claim
    from rota.schedulers._node import Node
    from rota.schedulers._store_time import StoreTime
    from rota.schedulers._tasks import Runnable
    from rota.schedulers._workers import Worker

__all__ = ["JobRunner"]

NOT_NOW_PAUSE = timedelta(seconds=1)


class _NotNow(Exception):
    """The data store could not be asked for the task."""


class _TooLate(Exception):
    """The start deadline of the job passed while it waited for its executor."""


class JobRunner:
    """Runs claimed jobs. Nothing that a job raises passes through.

    :param finish: told how a job ended; `None` if nothing may be recorded because the lease is lost
    """

    def __init__(
        self,
        node: Node,
        store_time: StoreTime,
        finish: Callable[[Claim, JobRelease | None], None],
    ) -> None:
        self._executors = node.executors
        self._tasks = node.tasks
        self._clock = node.clock
        self._random = node.random
        self._log = JobLog(node.logger)
        self._time = store_time
        self._finish = finish
        self._process = os.getpid()
        self._slots: dict[str, anyio.Semaphore] = {}

    async def run(self, claim: Claim, worker: Worker) -> None:
        """Run a job in the calling worker, and report how it ended."""
        job = claim.job
        now = self._clock.monotonic()
        if now >= claim.deadline:
            claim.verdict = Verdict.lost
        if claim.verdict is not None:
            self._finish(claim, self._by_verdict(claim, claim.verdict))
            return
        claim.scope = worker.scope
        try:
            runnable = self._tasks.cached(job.task_id) or await self._look_up(job)
            claim.task = runnable.task
            executor = self._executor(job)
            if executor.max_workers is None:
                claim.started_at = self._time.at(now)
                value = await self._call(runnable, executor, job, worker)
            else:
                async with self._slot(job.executor, executor.max_workers):
                    self._start_late(claim)
                    value = await self._call(runnable, executor, job, worker)
        except BaseException as exc:
            interrupted = isinstance(exc, get_cancelled_exc_class())
            if interrupted and not worker.scope.cancel_called and being_cancelled():
                raise  # the scheduler itself is torn down
            release = self._failed(claim, exc)
        else:
            release = self._succeeded(claim, value)
        claim.scope = None
        if worker.scope.cancel_called:
            worker.retired = True
        self._finish(claim, release)

    def _slot(self, name: str, limit: int) -> anyio.Semaphore:
        """Return what lets so many jobs of an executor begin; the others wait, and their time does not run yet."""
        slots = self._slots.get(name)
        if slots is None:
            slots = self._slots[name] = anyio.Semaphore(limit, fast_acquire=True)
        return slots

    def _start_late(self, claim: Claim) -> None:
        now, deadline = self._time.at(self._clock.monotonic()), claim.job.start_deadline
        if deadline is not None and now > deadline:
            raise _TooLate
        claim.started_at = now

    async def _call(
        self, runnable: Runnable, executor: JobExecutor, job: Job, worker: Worker
    ) -> Any:
        token = job_variable.set(job)
        before = copy_context()
        try:
            if runnable.task.timeout is not None:
                return await _within(runnable.task.timeout, executor, runnable, job)
            return await executor.run_job(runnable.func, job)
        finally:
            if os.getpid() != self._process:
                os._exit(0)  # the job forked, and the child must not go on as a second scheduler
            if _differ(copy_context(), before):
                worker.retired = True  # the next job must not see the context variables of this one
            job_variable.reset(token)

    async def _look_up(self, job: Job) -> Runnable:
        try:
            return await self._tasks.runnable(job.task_id)
        except RotaError:
            raise
        except Exception as exc:
            raise _NotNow from exc

    def _executor(self, job: Job) -> JobExecutor:
        executor = self._executors.get(job.executor)
        if executor is None:
            raise JobExecutorLookupError(job.executor, self._executors)
        return executor

    def _succeeded(self, claim: Claim, value: Any) -> JobRelease | None:
        if claim.verdict is Verdict.lost:
            return self._by_verdict(claim, claim.verdict)
        now = self._time.at(self._clock.monotonic())
        assert claim.started_at is not None, "it was started"
        self._log.succeeded(claim.job, claim.started_at, now)
        return ended(
            claim.job,
            JobOutcome.success,
            now,
            started_at=claim.started_at,
            return_value=value,
        )

    def _failed(self, claim: Claim, exc: BaseException) -> JobRelease | None:
        job, started_at = claim.job, claim.started_at
        if claim.verdict is not None:
            return self._by_verdict(claim, claim.verdict)
        if isinstance(exc, _NotNow):
            self._log.handed_back(job, exc.__cause__)
            return handed_back(job, NOT_NOW_PAUSE)
        now = self._time.at(self._clock.monotonic())
        if isinstance(exc, _TooLate):
            self._log.missed(job, now)
            return ended(job, JobOutcome.missed_start_deadline, now)
        task = claim.task or self._tasks.known(job.task_id)  # which may lack its callable here only
        release = failed(job, task, exc, now, started_at, self._random)
        seconds = 0.0 if started_at is None else (now - started_at).total_seconds()
        self._log.failed(job, exc, seconds, release.run_again_after)
        return release

    def _by_verdict(self, claim: Claim, verdict: Verdict) -> JobRelease | None:
        now = self._time.at(self._clock.monotonic())
        self._log.given_up(claim.job, verdict, started=claim.started_at is not None)
        if verdict is Verdict.lost:
            return None
        if verdict is Verdict.stopped:
            return stopped(claim.job, claim.task, now, claim.started_at)
        return ended(claim.job, JobOutcome.cancelled, now, started_at=claim.started_at)


def _differ(one: Context, other: Context) -> bool:
    try:
        return one != other
    except Exception:  # noqa: BLE001 - values of any class are compared
        return True


async def _within(timeout: timedelta, executor: JobExecutor, runnable: Runnable, job: Job) -> Any:
    with move_on_after(timeout.total_seconds()) as scope:
        value = await executor.run_job(runnable.func, job)
    if scope.cancelled_caught:
        raise JobTimedOut(f"job {job.id} ran longer than {timeout}")
    return value
