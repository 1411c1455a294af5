"""What rota is about: tasks, schedules, jobs and their results; events, choices and errors. No I/O."""

from rota.model._enums import (
    AbandonedPolicy as AbandonedPolicy,
    CoalescePolicy as CoalescePolicy,
    ConflictPolicy as ConflictPolicy,
    JobOutcome as JobOutcome,
    OverlapPolicy as OverlapPolicy,
    RunState as RunState,
    SchedulerRole as SchedulerRole,
)
from rota.model._events import (
    DataStoreEvent as DataStoreEvent,
    Event as Event,
    EventsMissed as EventsMissed,
    FireTimeSkipped as FireTimeSkipped,
    JobAcquired as JobAcquired,
    JobAdded as JobAdded,
    JobDeserializationFailed as JobDeserializationFailed,
    JobLeaseLost as JobLeaseLost,
    JobReleased as JobReleased,
    JobRemoved as JobRemoved,
    ScheduleAdded as ScheduleAdded,
    ScheduleDeserializationFailed as ScheduleDeserializationFailed,
    ScheduleFailed as ScheduleFailed,
    ScheduleRemoved as ScheduleRemoved,
    SchedulerEvent as SchedulerEvent,
    SchedulerStarted as SchedulerStarted,
    SchedulerStopped as SchedulerStopped,
    ScheduleUpdated as ScheduleUpdated,
    TaskAdded as TaskAdded,
    TaskRemoved as TaskRemoved,
    TaskUpdated as TaskUpdated,
)
from rota.model._exceptions import (
    CallableLookupError as CallableLookupError,
    ConflictingIdError as ConflictingIdError,
    DeserializationError as DeserializationError,
    JobAbandoned as JobAbandoned,
    JobCancelled as JobCancelled,
    JobDeadlineMissed as JobDeadlineMissed,
    JobExecutorLookupError as JobExecutorLookupError,
    JobLookupError as JobLookupError,
    JobResultNotReady as JobResultNotReady,
    JobTimedOut as JobTimedOut,
    MaxIterationsReached as MaxIterationsReached,
    RemoteJobError as RemoteJobError,
    RotaError as RotaError,
    ScheduleLookupError as ScheduleLookupError,
    SerializationError as SerializationError,
    TaskLookupError as TaskLookupError,
)
from rota.model._health import Health as Health
from rota.model._job import Job as Job, JobRelease as JobRelease, JobResult as JobResult
from rota.model._schedule import Schedule as Schedule, ScheduleResult as ScheduleResult
from rota.model._task import RetryPolicy as RetryPolicy, Task as Task, TaskDefaults as TaskDefaults
from rota.model._unset import UnsetValue as UnsetValue, unset as unset
