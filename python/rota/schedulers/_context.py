"""The context variables that a running job can read."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeVar, overload
from uuid import UUID

from rota._making import opened
from rota.model import Job
from rota.model._copies import copier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import Token

    from rota.schedulers._base import SchedulerBase
    from rota.schedulers.async_ import AsyncScheduler
    from rota.schedulers.sync import Scheduler

__all__ = [
    "CurrentJob",
    "acting",
    "acting_scheduler",
    "current_async_scheduler",
    "current_job",
    "current_scheduler",
    "job_variable",
]

T = TypeVar("T")

_with_id = copier(Job, "id")

#: the synchronous scheduler that runs the current job, if it is run by one
current_scheduler: ContextVar[Scheduler | None] = ContextVar("current_scheduler", default=None)

#: the asynchronous scheduler that runs the current job
current_async_scheduler: ContextVar[AsyncScheduler | None] = ContextVar(
    "current_async_scheduler", default=None
)

#: the scheduler on whose behalf something is done, so that of several only one counts it
acting_scheduler: ContextVar[SchedulerBase | None] = ContextVar("acting_scheduler", default=None)

#: what the workers set; users read it through `current_job`
job_variable: ContextVar[Job] = ContextVar("current_job")


@contextmanager
def acting(scheduler: SchedulerBase) -> Iterator[None]:
    """Do something on behalf of a scheduler."""
    token = acting_scheduler.set(scheduler)
    try:
        yield
    finally:
        acting_scheduler.reset(token)


class _JobId(UUID):
    """The id of the current job, which also leads back to what the user guide reads from it."""

    __slots__ = ("schedule_id",)

    schedule_id: str | None

    @property
    def id(self) -> UUID:
        return UUID(int=self.int)

    def __reduce__(self) -> tuple[object, ...]:
        return UUID, (str(self),)


_OpenedJobId = opened(_JobId)


def _job_id(job: Job) -> _JobId:
    made = object.__new__(_OpenedJobId)
    made.int, made.is_safe = job.id.int, job.id.is_safe  # type: ignore[misc]  # UUIDs are frozen
    made.schedule_id = job.schedule_id
    made.__class__ = _JobId
    return made


class CurrentJob:
    """The job that is being run, read like a context variable.

    `current_job.get()` returns the `Job`. The user guide's example reads `current_job.get().id.id` and
    `current_job.get().id.schedule_id`; these work, too: the id is a `UUID` that has both.
    """

    name = "current_job"

    def __repr__(self) -> str:
        return "<current_job>"

    @overload
    def get(self) -> Job: ...
    @overload
    def get(self, default: T, /) -> Job | T: ...
    def get(self, *default: T) -> Job | T:
        """Return the current job, or `default` outside of jobs.

        :raises LookupError: outside of jobs, if no default is given
        """
        job = job_variable.get(*default)
        if default and job is default[0]:
            return job
        return _with_id(job, _job_id(job))

    def set(self, job: Job, /) -> Token[Job]:
        """Set the current job, as a test of a task may want to."""
        return job_variable.set(job)

    def reset(self, token: Token[Job], /) -> None:
        """Undo `set`."""
        job_variable.reset(token)


current_job: Final = CurrentJob()
