"""The decision what a due schedule gives rise to. Pure: it reads no clock, waits for nothing and stores nothing."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING

from attrs import evolve

from rota.model import CoalescePolicy, Job, OverlapPolicy, Schedule, ScheduleResult
from rota.model._copies import maker
from rota.model._failure import in_short
from rota.triggers._batch import due_of_many

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from random import Random
    from uuid import UUID

    from rota.triggers._batch import Due

__all__ = ["MAX_ERROR_TEXT", "describe", "firings", "unchanged"]

MAX_ERROR_TEXT = 1_000  #: characters of an error that is stored with a schedule
_MICROSECOND = timedelta(microseconds=1)
_NO_JITTER = timedelta(0)

_new_job = maker(
    Job,
    "id",
    "task_id",
    "args",
    "kwargs",
    "schedule_id",
    "scheduled_fire_time",
    "jitter",
    "executor",
    "start_deadline",
    "result_expiration_time",
    "metadata",
    "priority",
    "not_before",
    "serial",
    "created_at",
)
_result = maker(
    ScheduleResult,
    "schedule_id",
    "task_id",
    "trigger",
    "last_fire_time",
    "next_fire_time",
    "token",
    "jobs",
)


def firings(
    schedules: Sequence[Schedule],
    now: datetime,
    random: Random,
    new_id: Callable[[], UUID],
    limit: int,
) -> list[ScheduleResult]:
    """Decide which jobs claimed schedules give at `now`, and when each is due next; their triggers are asked together.

    A trigger that raises, or returns what is no fire time, gives a result with an error and without jobs.

    :param now: the time by the data store's clock (UTC)
    :param limit: the number of jobs of each, at most; under `CoalescePolicy.all` it is still due after that many
    """
    answers = _fire_times(schedules, now, limit)
    return [
        _firing(schedule, answer, now, random, new_id)
        for schedule, answer in zip(schedules, answers, strict=True)
    ]


def unchanged(schedule: Schedule) -> ScheduleResult:
    """Return the decision that leaves a claimed schedule as it is."""
    return _result(
        schedule.id,
        schedule.task_id,
        schedule.trigger,
        schedule.last_fire_time,
        schedule.next_fire_time,
        schedule.token,
        (),
    )


def _firing(
    schedule: Schedule,
    answer: Due | BaseException,
    now: datetime,
    random: Random,
    new_id: Callable[[], UUID],
) -> ScheduleResult:
    try:
        if isinstance(answer, BaseException):
            raise answer
        times, following = answer
        if following is not None:
            following.astimezone(timezone.utc)  # else it could be stored, but not read
        jobs = _jobs(schedule, times, following, now, random, new_id)
    except BaseException as exc:  # noqa: BLE001 - the trigger may be the user's and raise anything
        return evolve(unchanged(schedule), error=describe(exc))
    return _result(
        schedule.id,
        schedule.task_id,
        schedule.trigger,
        times[-1] if times else schedule.last_fire_time,
        following,
        schedule.token,
        jobs,
    )


def _fire_times(
    schedules: Sequence[Schedule], now: datetime, limit: int
) -> list[Due | BaseException]:
    """Return, for each schedule, the fire times that become jobs and the next one, or what its trigger raised."""
    answers: list[Due | BaseException] = []
    due: list[int] = []
    moments: list[datetime] = []
    for schedule in schedules:
        answers.append(((), None))
        try:
            pending = _first_to_consider(schedule, now)
            if pending is not None and pending <= now:
                due.append(len(answers) - 1)
                moments.append(pending)
            answers[-1] = ((), pending)
        except BaseException as exc:  # noqa: BLE001 - the trigger may be the user's and raise anything
            answers[-1] = exc
    triggers = [schedules[index].trigger for index in due]
    policies = [schedules[index].coalesce for index in due]
    for index, answer in zip(
        due, due_of_many(triggers, moments, now, policies, limit), strict=True
    ):
        answers[index] = answer
    return answers


def _first_to_consider(schedule: Schedule, now: datetime) -> datetime | None:
    """Return the fire time that the schedule waits for, leaving out what it is too late for.

    Fire times of a schedule ascend: a trigger that has replaced another begins after what that one fired for last.
    """
    pending, last = schedule.next_fire_time, schedule.last_fire_time
    if pending is not None and last is not None and pending <= last:
        _, pending = schedule.trigger.due(pending, last, CoalescePolicy.latest, 1)
    if pending is None or pending > now:
        return pending
    if schedule.coalesce is CoalescePolicy.all and schedule.catch_up_window is not None:
        too_late = now - schedule.catch_up_window - _MICROSECOND
        if pending <= too_late:
            _, pending = schedule.trigger.due(pending, too_late, CoalescePolicy.latest, 1)
    return pending


def _jobs(
    schedule: Schedule,
    times: Sequence[datetime],
    following: datetime | None,
    now: datetime,
    random: Random,
    new_id: Callable[[], UUID],
) -> list[Job]:
    grace = schedule.misfire_grace_time
    jobs = []
    for index, time in enumerate(times):
        scheduled, jitter = time, _NO_JITTER
        if schedule.max_jitter:
            after = times[index + 1] if index + 1 < len(times) else following
            jitter = _jitter(time, after, schedule.max_jitter, random)
        if jitter:
            scheduled = time.astimezone(timezone.utc) + jitter
        deadline = None if grace is None else scheduled.astimezone(timezone.utc) + grace
        jobs.append(
            _new_job(
                new_id(),
                schedule.task_id,
                schedule.args,
                dict(schedule.kwargs),
                schedule.id,
                scheduled,
                jitter,
                schedule.job_executor,
                deadline,
                schedule.job_result_expiration_time,
                schedule.metadata,
                schedule.priority,
                scheduled if jitter else None,
                schedule.overlap is OverlapPolicy.queue_all,
                now,
            )
        )
    return jobs


def _jitter(time: datetime, after: datetime | None, most: timedelta, random: Random) -> timedelta:
    """Draw from zero to less than `most`, without reaching the next fire time, so that jobs stay in order."""
    if after is not None:
        most = min(most, after.astimezone(timezone.utc) - time.astimezone(timezone.utc))
    return timedelta(microseconds=random.randrange(max(most // _MICROSECOND, 1)))


def describe(exc: BaseException) -> str:
    """Return what is stored with a schedule of an error."""
    return in_short(exc)[:MAX_ERROR_TEXT]
