"""Every error that rota raises on purpose. Each is a `RotaError` and the builtin that it resembles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from typing_extensions import Self

__all__ = [
    "CallableLookupError",
    "ConflictingIdError",
    "DeserializationError",
    "JobAbandoned",
    "JobCancelled",
    "JobDeadlineMissed",
    "JobExecutorLookupError",
    "JobLookupError",
    "JobResultNotReady",
    "JobTimedOut",
    "MaxIterationsReached",
    "RemoteJobError",
    "RotaError",
    "ScheduleLookupError",
    "SerializationError",
    "TaskLookupError",
]


class RotaError(Exception):
    """The base of all errors that rota raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The usual way calls the constructor with `args`, but that takes an id and makes the message of it.
        return type(self).restore, (self.args, self.__dict__)

    @classmethod
    def restore(cls, args: tuple[Any, ...], attributes: dict[str, Any]) -> Self:
        """Rebuild an error from its `args` and attributes, without its constructor."""
        error = cls.__new__(cls)
        error.args = args
        error.__dict__.update(attributes)
        return error


class TaskLookupError(RotaError, LookupError):
    """There is no task by this id."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"no task with the id {task_id!r}")
        self.task_id = task_id


class ScheduleLookupError(RotaError, LookupError):
    """There is no schedule by this id."""

    def __init__(self, schedule_id: str) -> None:
        super().__init__(f"no schedule with the id {schedule_id!r}")
        self.schedule_id = schedule_id


class JobLookupError(RotaError, LookupError):
    """There is no job, and no result of one, by this id."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"no unfinished job and no kept result with the id {job_id}")
        self.job_id = job_id


class CallableLookupError(RotaError, LookupError):
    """A stored reference does not lead to a callable, or a task has no callable on this node."""


class JobExecutorLookupError(RotaError, LookupError):
    """There is no job executor by this name on this scheduler."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no job executor by the name of {name!r}; there are: {', '.join(known)}")
        self.name = name


class JobResultNotReady(RotaError):
    """The job has not finished yet."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"job {job_id} has not finished")
        self.job_id = job_id


class JobCancelled(RotaError):
    """The job was cancelled before it finished."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"job {job_id} was cancelled")
        self.job_id = job_id


class JobDeadlineMissed(RotaError):
    """The job could not be started within its misfire grace time."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"job {job_id} missed its start deadline")
        self.job_id = job_id


class JobAbandoned(RotaError):
    """The worker that ran the job disappeared."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"job {job_id} was abandoned by its worker")
        self.job_id = job_id


class RemoteJobError(RotaError):
    """A job raised an exception of a class that is not rebuilt here.

    It is also the cause of exceptions that were rebuilt, and shows where they were raised.

    :param type_name: the class: its name if it is a builtin one, else `module.qualified.name`
    :param message: its message
    :param traceback: its traceback as text, or the end of it
    """

    def __init__(self, type_name: str, message: str, traceback: str = "") -> None:
        super().__init__(type_name, message, traceback)
        self.type_name = type_name
        self.message = message
        self.traceback = traceback

    def __str__(self) -> str:
        text = f"{self.type_name}: {self.message}"
        return f"{text}\n\n{self.traceback}" if self.traceback else text


class JobTimedOut(RotaError, TimeoutError):
    """The job ran longer than its task allows."""


class ConflictingIdError(RotaError, KeyError):
    """A schedule (or, in what is added to a data store directly, a job) by this id exists already."""

    def __init__(self, schedule_id: str, kind: str = "schedule") -> None:
        super().__init__(f"a {kind} with the id {schedule_id!r} exists already")
        self.schedule_id = schedule_id

    def __str__(self) -> str:
        return str(self.args[0])


class SerializationError(RotaError, ValueError):
    """An object cannot be turned into bytes by the serializer in use."""


class DeserializationError(RotaError, ValueError):
    """Stored bytes cannot be turned back into an object, or name a class that is not registered."""


class MaxIterationsReached(RotaError, RuntimeError):
    """An `AndTrigger` found no common fire time within its `max_iterations`, or within the steps of nested ones."""
