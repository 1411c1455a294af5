"""Every error that rota raises on purpose. Each is a `RotaError` and the builtin that it resembles."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

__all__ = [
    "CallableLookupError",
    "ConflictingIdError",
    "DeserializationError",
    "JobCancelled",
    "JobDeadlineMissed",
    "JobLookupError",
    "JobAbandoned",
    "JobResultNotReady",
    "JobTimedOut",
    "MaxIterationsReached",
    "RotaError",
    "ScheduleLookupError",
    "SerializationError",
    "TaskLookupError",
]


class RotaError(Exception):
    """The base of all errors that rota raises on purpose."""


class TaskLookupError(RotaError, LookupError):
    """There is no task by this id."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"no task by the id of {task_id!r}")
        self.task_id = task_id


class ScheduleLookupError(RotaError, LookupError):
    """There is no schedule by this id."""

    def __init__(self, schedule_id: str) -> None:
        super().__init__(f"no schedule by the id of {schedule_id!r}")
        self.schedule_id = schedule_id


class JobLookupError(RotaError, LookupError):
    """There is no job, and no result of one, by this id."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"no job by the id of {job_id}")
        self.job_id = job_id


class CallableLookupError(RotaError, LookupError):
    """A stored reference does not lead to a callable, or a task has no callable on this node."""


class JobResultNotReady(RotaError):  # noqa: N818 - the published name
    """The job has not finished yet."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"job {job_id} has not finished")
        self.job_id = job_id


class JobCancelled(RotaError):  # noqa: N818 - the published name
    """The job was cancelled before it finished."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"job {job_id} was cancelled")
        self.job_id = job_id


class JobDeadlineMissed(RotaError):  # noqa: N818 - the published name
    """The job could not be started within its misfire grace time."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"job {job_id} missed its start deadline")
        self.job_id = job_id


class JobAbandoned(RotaError):  # noqa: N818 - named like its siblings
    """The worker that ran the job disappeared."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"job {job_id} was abandoned by its worker")
        self.job_id = job_id


class JobTimedOut(RotaError, TimeoutError):  # noqa: N818 - named like its siblings
    """The job ran longer than its task allows."""


class ConflictingIdError(RotaError, KeyError):
    """A schedule by this id exists already."""

    def __init__(self, schedule_id: str) -> None:
        super().__init__(f"a schedule by the id of {schedule_id!r} exists already")
        self.schedule_id = schedule_id

    def __str__(self) -> str:
        return str(self.args[0])


class SerializationError(RotaError, ValueError):
    """An object cannot be turned into bytes by the serializer in use."""


class DeserializationError(RotaError, ValueError):
    """Stored bytes cannot be turned back into an object, or name a class that is not registered."""


class MaxIterationsReached(RotaError, RuntimeError):  # noqa: N818 - the published name
    """An `AndTrigger` found no common fire time within its maximum number of iterations."""
