"""Tasks: a callable and how its jobs are to be run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from attrs import field, frozen

from rota.model._enums import AbandonedPolicy
from rota.model._unset import UnsetValue, unset
from rota.model._validation import (
    as_abandoned_policy,
    as_length,
    as_metadata,
    as_tags,
    identifier,
    length,
    length_or_none,
    of_type,
    positive_length_or_none,
    running_limit,
)

__all__ = ["RetryPolicy", "Task", "TaskDefaults"]


@frozen(kw_only=True)
class RetryPolicy:
    """How often a job that raised is tried again, and after which pause.

    The pause before attempt *n + 1* is `first_delay * 2 ** (n - 1)`, at most `max_delay`, of which a random
    part of up to half is taken off, so that jobs that failed together do not come back together.
    """

    max_attempts: int = field(default=1, validator=running_limit)
    first_delay: timedelta = field(
        default=timedelta(seconds=1), converter=as_length, validator=length
    )
    max_delay: timedelta = field(default=timedelta(hours=1), converter=as_length, validator=length)


@frozen(kw_only=True)
class Task:
    """A callable that jobs run, with the settings that its jobs share.

    :param id: the unique id, compared byte by byte
    :param func: the reference `module:qualified.name` of the callable, or `None` if only this process knows it
    :param job_executor: the name of the executor that runs the jobs
    :param max_running_jobs: how many jobs of the task may run at once over all workers; `None` for no limit
    :param misfire_grace_time: how late a job may start; `None` for any lateness
    :param metadata: JSON-compatible values, handed down to schedules and jobs
    :param running_jobs: how many jobs of the task are running now (filled in by the data store)
    :param abandoned: what becomes of a job whose worker disappears
    :param retry: whether and when a job that raised is tried again
    :param timeout: how long a job may run, more than zero; `None` for any time
    :param tags: words by which workers can choose what they run
    """

    id: str = field(validator=identifier)
    func: str | None = field(default=None, validator=of_type(str, type(None)))
    job_executor: str = field(validator=of_type(str))
    max_running_jobs: int | None = field(default=1, validator=running_limit)
    misfire_grace_time: timedelta | None = field(
        default=None, converter=as_length, validator=length_or_none
    )
    metadata: Mapping[str, Any] = field(factory=dict, converter=as_metadata)
    running_jobs: int = field(default=0, eq=False)
    abandoned: AbandonedPolicy = field(
        default=AbandonedPolicy.record, converter=as_abandoned_policy
    )
    retry: RetryPolicy = field(factory=RetryPolicy, validator=of_type(RetryPolicy))
    timeout: timedelta | None = field(
        default=None, converter=as_length, validator=positive_length_or_none
    )
    tags: frozenset[str] = field(default=frozenset(), converter=as_tags)


@frozen(kw_only=True)
class TaskDefaults:
    """The settings of tasks that say nothing else. `unset` leaves the choice to the scheduler."""

    job_executor: str | UnsetValue = unset
    max_running_jobs: int | None = field(default=1, validator=running_limit)
    misfire_grace_time: timedelta | None = field(
        default=None, converter=as_length, validator=length_or_none
    )
    metadata: Mapping[str, Any] = field(factory=dict, converter=as_metadata)
    abandoned: AbandonedPolicy = field(
        default=AbandonedPolicy.record, converter=as_abandoned_policy
    )
    retry: RetryPolicy = field(factory=RetryPolicy, validator=of_type(RetryPolicy))
    timeout: timedelta | None = field(
        default=None, converter=as_length, validator=positive_length_or_none
    )
    tags: frozenset[str] = field(default=frozenset(), converter=as_tags)
