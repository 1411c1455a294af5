"""Rows of jobs and of results."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING

from rota.datastores.sql.instants import duration, instant, micros, micros_of, offset_of
from rota.datastores.sql.rows.objects import (
    Objects,
    as_uuid,
    from_json,
    storable,
    to_json,
)
from rota.datastores.sql.tables import JobState
from rota.model import DeserializationError, Job, JobOutcome, JobResult
from rota.model._copies import copier
from rota.model._settings import job_settings
from rota.model._validation import PRIORITIES
from rota.serializers import SerializedResult, deserialize_result, serialize_result

if TYPE_CHECKING:
    from uuid import UUID

    from rota.datastores.sql._dialect import Values
    from rota.datastores.sql.base import Claim

__all__ = [
    "job_from_row",
    "job_row",
    "nominal_micros",
    "ready_state",
    "result_from_row",
    "result_row",
    "waiting_state",
]

_RANK = Struct(">IQQ16s")
_BIAS = 1 << 63
_NO_TIME = timedelta(0)


def ready_state(limited: bool) -> JobState:
    """Return the state of a job that waits for a worker, by whether its task has a limit of running jobs."""
    return JobState.limited if limited else JobState.open


def waiting_state(limited: bool, not_before: int | None, now: int) -> tuple[int, int | None]:
    """Return the state of a job that nobody holds and that has its turn, and until when it lasts.

    :param limited: whether its task has a limit of running jobs
    :param now: the time by the store's clock
    """
    if not_before is not None and not_before > now:
        return JobState.delayed._value_, not_before
    return ready_state(limited)._value_, None


def nominal_micros(job: Job) -> int | None:
    """Return the fire time that the trigger gave. Jitter is real time, whatever the wall clock did meanwhile."""
    if job.scheduled_fire_time is None:
        return None
    return micros(job.scheduled_fire_time) - micros_of(job.jitter)


def job_row(objects: Objects, job: Job, limited: bool, now: int, *, blocked: bool) -> Values:
    """Return the row of a job that nobody holds, in the order of the table's columns.

    :param limited: whether its task has a limit of running jobs
    :param now: the time by the store's clock
    :param blocked: whether it has to wait for others
    :raises SerializationError: if something in it cannot be stored
    """
    scheduled = nominal = offset = None
    if (fire_time := job.scheduled_fire_time) is not None:
        scheduled, nominal, offset = micros(fire_time), nominal_micros(job), offset_of(fire_time)
    created_at = micros(job.created_at)
    not_before = None if job.not_before is None else micros(job.not_before)
    if blocked:
        state, until = JobState.blocked._value_, None
    else:
        state, until = waiting_state(limited, not_before, now)
    return (
        job.id,
        job.task_id,
        objects.write_arguments(_place(job.id), job.args, job.kwargs)
        if job.args or job.kwargs
        else None,
        None if job.schedule_id is None else storable("schedule id", job.schedule_id),
        nominal,
        scheduled,
        offset,
        job.executor,
        None if job.start_deadline is None else micros(job.start_deadline),
        micros_of(job.result_expiration_time),
        to_json(job.metadata),
        job.priority,
        not_before,
        job.attempt,
        created_at,
        _RANK.pack(
            PRIORITIES.stop - 1 - job.priority,
            (created_at if scheduled is None else scheduled) + _BIAS,
            created_at + _BIAS,
            job.id.bytes,
        ),
        state,
        until,
        job.token,
        None,
        False,
        job.serial,
    )


def job_from_row(objects: Objects, row: Values, claim: Claim | None = None) -> Job:
    """Return the job of a row that begins with the table's columns, claimed if there is a claim.

    Raises whatever reading its arguments raises.
    """
    (
        id_,
        task_id,
        payload,
        schedule_id,
        nominal,
        scheduled,
        offset,
        executor,
        start_deadline,
        result_expiration_time,
        metadata,
        priority,
        not_before,
        attempt,
        created_at,
        _rank,
        _state,
        until,
        token,
        acquired_by,
        _cancelled,
        serial,
        *_,
    ) = row
    id_ = as_uuid(id_)
    args, kwargs = ((), {}) if payload is None else objects.read_arguments(_place(id_), payload)
    lease_end = None if acquired_by is None else instant(until)
    if claim is not None:
        acquired_by, lease_end = claim
        token += 1
    if type(attempt) is not int:
        raise TypeError(f"attempt must be an integer, got: {attempt!r:.100}")
    return _job_with(
        _settings(task_id, executor, result_expiration_time, priority),
        id_,
        args,
        kwargs,
        schedule_id,
        None if scheduled is None else instant(scheduled, offset),
        _NO_TIME if scheduled == nominal else duration(scheduled - nominal),
        None if start_deadline is None else instant(start_deadline),
        from_json(metadata),
        None if not_before is None else instant(not_before),
        attempt,
        bool(serial),
        instant(created_at),
        acquired_by,
        lease_end,
        token,
    )


#: Make a job of settings and of what has been checked; of what a column cannot have, that is nothing.
_job_with = copier(
    Job,
    "id",
    "args",
    "kwargs",
    "schedule_id",
    "scheduled_fire_time",
    "jitter",
    "start_deadline",
    "metadata",
    "not_before",
    "attempt",
    "serial",
    "created_at",
    "acquired_by",
    "acquired_until",
    "token",
)


@lru_cache(maxsize=1024, typed=True)
def _settings(task_id: str, executor: str, result_expiration_time: int, priority: int) -> Job:
    return job_settings(task_id, executor, duration(result_expiration_time), priority)


def result_row(
    objects: Objects, result: JobResult, schedule_id: str | None, nominal: int | None
) -> Values:
    """Return the row of a result, in the order of the table's columns."""
    stored = serialize_result(objects.serializer, result, context=_result_place(result.job_id))
    return (
        result.job_id,
        schedule_id,
        nominal,
        result.outcome.name,
        micros(result.started_at),
        micros(result.finished_at),
        micros(result.expires_at),
        result.attempt,
        stored.return_value,
        stored.exception,
    )


def result_from_row(objects: Objects, row: Values) -> JobResult:
    """Return the result of a row in the order of the table's columns.

    :raises DeserializationError: if it cannot be read
    """
    try:
        return _result(objects, row)
    except (ArithmeticError, LookupError, TypeError) as exc:
        raise DeserializationError(f"the result cannot be read: {exc!r}") from exc


def _result(objects: Objects, row: Values) -> JobResult:
    job_id, _schedule_id, _nominal, outcome, started_at, finished_at, expires_at, *rest = row
    job_id = as_uuid(job_id)
    attempt, return_value, exception = rest
    exception, return_value = deserialize_result(
        objects.serializer,
        SerializedResult(exception, return_value),
        context=_result_place(job_id),
    )
    return JobResult(
        job_id=job_id,
        outcome=JobOutcome[outcome],
        started_at=instant(started_at),
        finished_at=instant(finished_at),
        expires_at=instant(expires_at),
        attempt=attempt,
        return_value=return_value,
        exception=exception,
    )


def _place(job_id: UUID) -> bytes:
    return b"job arguments " + job_id.bytes


def _result_place(job_id: UUID) -> bytes:
    return b"job result " + job_id.bytes
