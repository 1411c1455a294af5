"""Schedules: a task, a trigger, and what is known of their firing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from rota.model._enums import CoalescePolicy, OverlapPolicy
from rota.model._validation import (
    as_args,
    as_aware,
    as_coalesce_policy,
    as_kwargs,
    as_length,
    as_metadata,
    as_overlap_policy,
    as_utc,
    identifier,
    in_priorities,
    length,
    length_or_none,
    of_type,
)

if TYPE_CHECKING:
    from rota.abc import Trigger
    from rota.model._job import Job

__all__ = ["Schedule", "ScheduleResult"]


class _Sharing:
    """Where a schedule keeps its settings, if it shares them with others: see `rota.model._settings`."""

    __slots__ = ("_shared",)

    _shared: Schedule


@frozen(kw_only=True)
class Schedule(_Sharing):
    """A task that a trigger makes due.

    :param id: the unique id, compared byte by byte
    :param task_id: the task whose jobs are created
    :param trigger: when it is due; its cursor stands on `next_fire_time`
    :param args: positional arguments of the callable
    :param kwargs: keyword arguments of the callable
    :param paused: whether it is asleep until it is unpaused
    :param coalesce: what becomes of several fire times that have passed
    :param misfire_grace_time: how late a job may start; `None` for any lateness
    :param max_jitter: up to how much later than its fire time a job starts, at random
    :param job_executor: the name of the executor that runs the jobs
    :param job_result_expiration_time: how long results are kept; zero for not at all
    :param metadata: JSON-compatible values, handed down to the jobs
    :param priority: of jobs that are due, those with the higher number are taken first
    :param catch_up_window: with `CoalescePolicy.all`, how far back missed fire times still become jobs;
        `None` for all of them
    :param overlap: what to do when it is due while an earlier job of it has not ended
    :param next_fire_time: when it is due next, aware; `None` when its trigger has ended
    :param last_fire_time: the fire time it was last processed for
    :param acquired_by: the incarnation of the scheduler that holds the lease
    :param acquired_until: when that lease ends (UTC, by the data store's clock)
    :param token: the fence: it grows whenever somebody claims or changes the schedule
    :param error: why it is set aside, or `None`; replacing or unpausing it clears this
    """

    id: str = field(validator=identifier)
    task_id: str = field(validator=identifier)
    trigger: Trigger = field()
    args: Sequence[Any] = field(default=(), converter=as_args)
    kwargs: Mapping[str, Any] = field(factory=dict, converter=as_kwargs)
    paused: bool = field(default=False, validator=of_type(bool))
    coalesce: CoalescePolicy = field(default=CoalescePolicy.latest, converter=as_coalesce_policy)
    misfire_grace_time: timedelta | None = field(
        default=None, converter=as_length, validator=length_or_none
    )
    max_jitter: timedelta | None = field(
        default=None, converter=as_length, validator=length_or_none
    )
    job_executor: str = field(validator=of_type(str))
    job_result_expiration_time: timedelta = field(
        default=timedelta(0), converter=as_length, validator=length
    )
    metadata: Mapping[str, Any] = field(factory=dict, converter=as_metadata)
    priority: int = field(default=0, validator=in_priorities)
    catch_up_window: timedelta | None = field(
        default=None, converter=as_length, validator=length_or_none
    )
    overlap: OverlapPolicy = field(default=OverlapPolicy.allow, converter=as_overlap_policy)
    next_fire_time: datetime | None = field(default=None, converter=as_aware)
    last_fire_time: datetime | None = field(default=None, converter=as_aware)
    acquired_by: str | None = field(default=None, validator=of_type(str, type(None)))
    acquired_until: datetime | None = field(default=None, converter=as_utc)
    token: int = field(default=0, eq=False)
    error: str | None = field(default=None)


@frozen(kw_only=True)
class ScheduleResult:
    """What a scheduler decided about a schedule that it had claimed; the data store applies it as one.

    :param schedule_id: the schedule
    :param task_id: its task
    :param trigger: the trigger with its cursor on `next_fire_time`
    :param last_fire_time: the last fire time that this result deals with
    :param next_fire_time: when it is due next; `None` ends it
    :param token: the token of the claim; the result counts only while it is current
    :param jobs: the jobs to create together with the advance
    :param error: why the schedule is to be set aside, or `None`
    """

    schedule_id: str
    task_id: str
    trigger: Trigger
    last_fire_time: datetime | None
    next_fire_time: datetime | None
    token: int
    jobs: Sequence[Job] = ()
    error: str | None = None
