"""What can be asked of a scheduler about jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rota.model import JobLookupError, RunState, unset
from rota.model._validation import job_ids
from rota.schedulers._base import SchedulerBase
from rota.schedulers._claim import Verdict
from rota.schedulers._context import acting
from rota.schedulers._requests import JobRequest, check_names, new_job
from rota.schedulers._results import value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from rota.model import Job, JobResult, Task, UnsetValue

__all__ = ["JobOperations"]

RUN_JOB_RETENTION = timedelta(
    minutes=15
)  #: how long `run_job` has the result kept, which it fetches at once


class JobOperations(SchedulerBase):
    """Jobs: requests to run a task once."""

    async def add_job(
        self,
        func_or_task_id: Task | str | Callable[..., Any],
        *,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        job_executor: str | UnsetValue = unset,
        metadata: Mapping[str, Any] | UnsetValue = unset,
        result_expiration_time: timedelta | float = 0,
        priority: int = 0,
        run_at: datetime | None = None,
        connection: Any = None,
    ) -> UUID:
        """Have a task run once, by whichever scheduler takes the job. Return the id of the job.

        :param func_or_task_id: a callable, or the id of a task
        :param args: positional arguments of the callable
        :param kwargs: keyword arguments of the callable
        :param job_executor: the name of the executor; by default the task's
        :param metadata: JSON-compatible values, added to the task's
        :param result_expiration_time: how long the result is kept; zero for not at all
        :param priority: of jobs that are due, those with the higher number are run first
        :param run_at: when it is to run, at the earliest (aware); by default at once
        :param connection: a connection or a session of SQLAlchemy to the database of the data store, in whose
            transaction the job is added: if that is rolled back, there is none
        :raises TaskLookupError: if there is no task by that id
        :raises CallableLookupError: if a persistent data store could not find the callable again
        :raises JobExecutorLookupError: if nobody can have an executor by that name
        """
        additions = self._additions(connection)
        task = self._tasks.known(func_or_task_id) or await self._tasks.ensure(func_or_task_id)
        job = new_job(
            task,
            self.new_id,
            self.clock.now(),
            args=args,
            kwargs=kwargs,
            job_executor=job_executor,
            metadata=metadata,
            result_expiration_time=result_expiration_time,
            priority=priority,
            run_at=run_at,
        )
        self._check_executor(job.executor)
        await additions.add_jobs([self._stamped(job)])
        return job.id

    async def add_jobs(self, jobs: Iterable[JobRequest], *, connection: Any = None) -> list[UUID]:
        """Add many jobs, all or none: each a mapping with the arguments of `add_job`. Return their ids.

        :param connection: see `add_job`
        """
        additions = self._additions(connection)
        now = self.clock.now()
        added = []
        for request in jobs:
            check_names(request, JobRequest)
            fields: dict[str, Any] = dict(request)
            task = await self._tasks.ensure(fields.pop("func_or_task_id"))
            job = new_job(task, self.new_id, now, **fields)
            self._check_executor(job.executor)
            added.append(self._stamped(job))
        await additions.add_jobs(added)
        return [job.id for job in added]

    async def run_job(
        self,
        func_or_task_id: Task | str | Callable[..., Any],
        *,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        job_executor: str | UnsetValue = unset,
        metadata: Mapping[str, Any] | UnsetValue = unset,
        priority: int = 0,
    ) -> Any:
        """Add a job, wait until it has ended, and return what it returned. What it raised is raised here.

        See `add_job` for the arguments.

        :raises JobCancelled: if it was cancelled
        :raises JobAbandoned: if the worker that ran it disappeared
        :raises JobDeadlineMissed: if it was not started in time
        :raises SerializationError: if what it returned could not be stored
        :raises RuntimeError: if the scheduler is closed meanwhile, or the job raised what would end the process of the
            caller, as `SystemExit` does
        """
        job_id = await self.add_job(
            func_or_task_id,
            args=args,
            kwargs=kwargs,
            job_executor=job_executor,
            metadata=metadata,
            priority=priority,
            result_expiration_time=RUN_JOB_RETENTION,
        )
        if self._state is RunState.stopped and not self.data_store.persistent:
            self.logger.warning(
                "job %s waits until a scheduler is started; this one has not been",
                job_id,
                extra={"event": "job.not_started", "job_id": str(job_id)},
            )
        result = await self.get_job_result(job_id)
        if result is None:  # it was kept, but nobody asked for so long that its time was up
            raise JobLookupError(job_id)
        return value_of(result)

    async def get_jobs(self, ids: Collection[UUID] | None = None) -> list[Job]:
        """Return the unfinished jobs with these ids that exist (`None`: all), ordered by time of creation."""
        self._require_services()
        return await self.data_store.get_jobs(None if ids is None else job_ids(ids))

    async def get_job_result(self, job_id: UUID, *, wait: bool = True) -> JobResult | None:
        """Return how a job ended.

        :param wait: whether to wait until it has ended
        :return: the result; `None` if the job ended while it was waited for and its result was not kept
        :raises JobResultNotReady: if it has not ended and `wait` is false
        :raises JobLookupError: if there is neither such a job nor its result
        :raises RuntimeError: if the scheduler is closed while it is waited for
        """
        self._require_services()
        job_ids({job_id})
        with self._waiters.waiting_for(f"the end of job {job_id}"):
            return await self._desk.result_of(
                job_id, wait=wait, polling_seconds=self.polling_interval.total_seconds()
            )

    async def cancel_job(self, job_id: UUID) -> bool:
        """Cancel a job wherever it waits or runs; return whether it had not ended already.

        A job in a thread cannot be stopped: it is left behind, and recorded as cancelled. Another scheduler
        notices with its next renewal of leases, which is three times in `lease_duration`.
        """
        self._require_services()
        with acting(self):
            cancelled = await self.data_store.cancel_jobs(job_ids({job_id}))
        self._give_up(cancelled, Verdict.cancelled)
        return bool(cancelled)

    def _give_up(self, job_ids: Collection[UUID], verdict: Verdict) -> None:
        """Cancel those of the jobs that this scheduler runs itself."""
