"""The closed sets of choices and outcomes."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

__all__ = [
    "AbandonedPolicy",
    "CoalescePolicy",
    "ConflictPolicy",
    "JobOutcome",
    "OverlapPolicy",
    "RunState",
    "SchedulerRole",
]


class _Choice(Enum):
    """An enum whose members hash as they compare, as objects; what `Enum` has for that is a call of Python."""

    if not TYPE_CHECKING:  # which it does not concern
        __hash__ = object.__hash__


class SchedulerRole(Enum):
    """What a scheduler does while it runs."""

    scheduler = auto()  #: only turns due schedules into jobs
    worker = auto()  #: only runs jobs
    both = auto()  #: does both (the default)


class RunState(Enum):
    """Where a scheduler is in its life cycle."""

    starting = auto()  #: initializing
    started = auto()  #: running
    stopping = auto()  #: told to stop, finishing what it has
    stopped = auto()  #: not running


class JobOutcome(Enum):
    """How a job ended."""

    success = auto()  #: the callable returned
    error = auto()  #: the callable raised
    missed_start_deadline = auto()  #: it could not be started within its misfire grace time
    deserialization_failed = auto()  #: its stored form could not be read
    cancelled = auto()  #: it was cancelled before it finished
    abandoned = auto()  #: the worker that ran it disappeared


class ConflictPolicy(Enum):
    """What to do when a schedule is added under an id that is taken."""

    replace = auto()  #: replace the existing one; its fire times stay if the trigger is the same
    do_nothing = auto()  #: keep the existing schedule
    exception = auto()  #: raise `ConflictingIdError`


class CoalescePolicy(_Choice):
    """What to do with several fire times that have passed unprocessed."""

    earliest = 0  #: one job, for the earliest of them
    latest = 1  #: one job, for the latest of them
    all = 2  #: one job for each


class OverlapPolicy(_Choice):
    """What to do when a schedule is due while an earlier job of it has not ended."""

    allow = (
        auto()
    )  #: queue the job; how many run at once is for the task's limit to say (the default)
    skip = auto()  #: make no job
    queue_one = auto()  #: queue the job, unless another one of the schedule waits already
    queue_all = auto()  #: queue the job, which waits until the earlier ones have ended
    cancel_other = auto()  #: cancel the earlier jobs, and queue this one


class AbandonedPolicy(Enum):
    """What becomes of a job whose worker disappeared while running it."""

    record = auto()  #: at most once: it is recorded as abandoned (the default)
    run_again = auto()  #: at least once: it is queued again, with the next attempt number
