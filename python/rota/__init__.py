"""A job scheduler and job queue: tasks that run on schedules or from a queue, in one process or in many.

Everything that most programs need can be imported from here. A name is loaded when it is first used, so that
`import rota` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rota._dropin import install_as_apscheduler as install_as_apscheduler
    from rota.abc import (
        JobFilter as JobFilter,
        Subscription as Subscription,
    )
    from rota.datastores.memory import MemoryDataStore as MemoryDataStore
    from rota.datastores.sql.outages import RetrySettings as RetrySettings
    from rota.eventbrokers.local import LocalEventBroker as LocalEventBroker
    from rota.executors.async_ import AsyncJobExecutor as AsyncJobExecutor
    from rota.executors.subprocess import ProcessPoolJobExecutor as ProcessPoolJobExecutor
    from rota.executors.thread import ThreadPoolJobExecutor as ThreadPoolJobExecutor
    from rota.model import (
        AbandonedPolicy as AbandonedPolicy,
        CallableLookupError as CallableLookupError,
        CoalescePolicy as CoalescePolicy,
        ConflictingIdError as ConflictingIdError,
        ConflictPolicy as ConflictPolicy,
        DataStoreEvent as DataStoreEvent,
        DeserializationError as DeserializationError,
        Event as Event,
        EventsMissed as EventsMissed,
        FireTimeSkipped as FireTimeSkipped,
        Health as Health,
        Job as Job,
        JobAbandoned as JobAbandoned,
        JobAcquired as JobAcquired,
        JobAdded as JobAdded,
        JobCancelled as JobCancelled,
        JobDeadlineMissed as JobDeadlineMissed,
        JobDeserializationFailed as JobDeserializationFailed,
        JobExecutorLookupError as JobExecutorLookupError,
        JobLeaseLost as JobLeaseLost,
        JobLookupError as JobLookupError,
        JobOutcome as JobOutcome,
        JobReleased as JobReleased,
        JobRemoved as JobRemoved,
        JobResult as JobResult,
        JobResultNotReady as JobResultNotReady,
        JobTimedOut as JobTimedOut,
        MaxIterationsReached as MaxIterationsReached,
        OverlapPolicy as OverlapPolicy,
        RemoteJobError as RemoteJobError,
        RetryPolicy as RetryPolicy,
        RotaError as RotaError,
        RunState as RunState,
        Schedule as Schedule,
        ScheduleAdded as ScheduleAdded,
        ScheduleDeserializationFailed as ScheduleDeserializationFailed,
        ScheduleFailed as ScheduleFailed,
        ScheduleLookupError as ScheduleLookupError,
        ScheduleRemoved as ScheduleRemoved,
        ScheduleResult as ScheduleResult,
        SchedulerEvent as SchedulerEvent,
        SchedulerRole as SchedulerRole,
        SchedulerStarted as SchedulerStarted,
        SchedulerStopped as SchedulerStopped,
        ScheduleUpdated as ScheduleUpdated,
        SerializationError as SerializationError,
        Task as Task,
        TaskAdded as TaskAdded,
        TaskDefaults as TaskDefaults,
        TaskLookupError as TaskLookupError,
        TaskRemoved as TaskRemoved,
        TaskUpdated as TaskUpdated,
        UnsetValue as UnsetValue,
        unset as unset,
    )
    from rota.schedulers._context import (
        current_async_scheduler as current_async_scheduler,
        current_job as current_job,
        current_scheduler as current_scheduler,
    )
    from rota.schedulers._decorator import (
        TaskSettings as TaskSettings,
        task as task,
    )
    from rota.schedulers._requests import (
        JobRequest as JobRequest,
        ScheduleRequest as ScheduleRequest,
    )
    from rota.schedulers.async_ import AsyncScheduler as AsyncScheduler
    from rota.schedulers.sync import Scheduler as Scheduler
    from rota.triggers import (
        AndTrigger as AndTrigger,
        CalendarIntervalTrigger as CalendarIntervalTrigger,
        CronTrigger as CronTrigger,
        DateTrigger as DateTrigger,
        IntervalTrigger as IntervalTrigger,
        OrTrigger as OrTrigger,
    )

    __version__: str
    backend: Literal["rust", "python"]

_MODULES = {
    "rota._dropin": ("install_as_apscheduler",),
    "rota.abc": (
        "JobFilter",
        "Subscription",
    ),
    "rota.datastores.memory": ("MemoryDataStore",),
    "rota.datastores.sql.outages": ("RetrySettings",),
    "rota.eventbrokers.local": ("LocalEventBroker",),
    "rota.executors.async_": ("AsyncJobExecutor",),
    "rota.executors.subprocess": ("ProcessPoolJobExecutor",),
    "rota.executors.thread": ("ThreadPoolJobExecutor",),
    "rota.model": (
        "AbandonedPolicy",
        "CallableLookupError",
        "CoalescePolicy",
        "ConflictPolicy",
        "ConflictingIdError",
        "DataStoreEvent",
        "DeserializationError",
        "Event",
        "EventsMissed",
        "FireTimeSkipped",
        "Health",
        "Job",
        "JobAbandoned",
        "JobAcquired",
        "JobAdded",
        "JobCancelled",
        "JobDeadlineMissed",
        "JobDeserializationFailed",
        "JobExecutorLookupError",
        "JobLeaseLost",
        "JobLookupError",
        "JobOutcome",
        "JobReleased",
        "JobRemoved",
        "JobResult",
        "JobResultNotReady",
        "JobTimedOut",
        "MaxIterationsReached",
        "OverlapPolicy",
        "RemoteJobError",
        "RetryPolicy",
        "RotaError",
        "RunState",
        "Schedule",
        "ScheduleAdded",
        "ScheduleDeserializationFailed",
        "ScheduleFailed",
        "ScheduleLookupError",
        "ScheduleRemoved",
        "ScheduleResult",
        "ScheduleUpdated",
        "SchedulerEvent",
        "SchedulerRole",
        "SchedulerStarted",
        "SchedulerStopped",
        "SerializationError",
        "Task",
        "TaskAdded",
        "TaskDefaults",
        "TaskLookupError",
        "TaskRemoved",
        "TaskUpdated",
        "UnsetValue",
        "unset",
    ),
    "rota.schedulers._context": (
        "current_async_scheduler",
        "current_job",
        "current_scheduler",
    ),
    "rota.schedulers._decorator": (
        "TaskSettings",
        "task",
    ),
    "rota.schedulers._requests": (
        "JobRequest",
        "ScheduleRequest",
    ),
    "rota.schedulers.async_": ("AsyncScheduler",),
    "rota.schedulers.sync": ("Scheduler",),
    "rota.triggers": (
        "AndTrigger",
        "CalendarIntervalTrigger",
        "CronTrigger",
        "DateTrigger",
        "IntervalTrigger",
        "OrTrigger",
    ),
    "rota._backend": ("backend",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}
_SUBMODULES = (
    "abc",
    "datastores",
    "eventbrokers",
    "executors",
    "model",
    "opentelemetry",
    "schedulers",
    "serializers",
    "testing",
    "triggers",
)

__all__ = [
    *_HOMES,
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Load a name when it is first used."""
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name == "__version__":
        value = import_module("rota._backend").VERSION
    elif name in _SUBMODULES:
        return import_module(f"rota.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_SUBMODULES, "__version__"})
