"""Each converter and validator of the model: what it accepts, what it refuses and in which words."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from rota.abc import JobFilter
from rota.model import (
    AbandonedPolicy,
    CoalescePolicy,
    Event,
    Job,
    JobResult,
    RetryPolicy,
    Schedule,
    Task,
    TaskDefaults,
)
from rota.triggers.date import DateTrigger

NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)
NAIVE = datetime(2025, 1, 1)  # noqa: DTZ001 - refused
BERLIN = datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)


def task(**changes: Any) -> Task:
    return Task(**{"id": "task", "job_executor": "async", **changes})


def schedule(**changes: Any) -> Schedule:
    required = {"id": "s", "task_id": "t", "trigger": DateTrigger(NOW), "job_executor": "async"}
    return Schedule(**{**required, **changes})


def job(**changes: Any) -> Job:
    required = {"id": UUID(int=1), "task_id": "t", "executor": "async", "created_at": NOW}
    return Job(**{**required, **changes})


def result(**changes: Any) -> JobResult:
    required = {"job_id": UUID(int=1), "outcome": None, "finished_at": NOW, "expires_at": NOW}
    return JobResult(**{**required, **changes})


REFUSED: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    # ids
    (task, {"id": ""}, ValueError, "id must not be empty"),
    (task, {"id": "x" * 501}, ValueError, "id must have at most 500 characters, got: 501"),
    (task, {"id": "a\0b"}, ValueError, "id must not contain a NUL character, got: 'a\\x00b'"),
    (task, {"id": 5}, TypeError, "id must be of type str, got: 5"),
    (schedule, {"id": ""}, ValueError, "id must not be empty"),
    (schedule, {"task_id": ""}, ValueError, "task_id must not be empty"),
    (job, {"task_id": "\0"}, ValueError, "task_id must not contain a NUL character, got: '\\x00'"),
    (job, {"id": "not-a-uuid"}, TypeError, "id must be of type UUID"),
    (job, {"schedule_id": 7}, TypeError, "schedule_id must be of type str or None, got: 7"),
    # numbers
    (task, {"max_running_jobs": 0}, ValueError, "max_running_jobs must be at least 1, got: 0"),
    (TaskDefaults, {"max_running_jobs": -1}, ValueError, "max_running_jobs must be at least 1, got: -1"),
    (task, {"max_running_jobs": 1.5}, TypeError, "max_running_jobs must be a whole number, got: 1.5"),
    (task, {"max_running_jobs": True}, TypeError, "max_running_jobs must be a whole number, got: True"),
    (RetryPolicy, {"max_attempts": 0}, ValueError, "max_attempts must be at least 1, got: 0"),
    (schedule, {"priority": "high"}, TypeError, "priority must be of type int, got: 'high'"),
    (job, {"attempt": None}, TypeError, "attempt must be of type int, got: None"),
    # lengths of time
    (task, {"misfire_grace_time": -1}, ValueError, "misfire_grace_time must not be negative, got: -1 seconds"),
    (task, {"timeout": timedelta(-1)}, ValueError, "timeout must be positive, got: -86400 seconds"),
    (TaskDefaults, {"misfire_grace_time": -1}, ValueError, "misfire_grace_time must not be negative, got: -1 seconds"),
    (RetryPolicy, {"first_delay": -1}, ValueError, "first_delay must not be negative, got: -1 seconds"),
    (RetryPolicy, {"max_delay": -1}, ValueError, "max_delay must not be negative, got: -1 seconds"),
    (schedule, {"max_jitter": -1}, ValueError, "max_jitter must not be negative, got: -1 seconds"),
    (schedule, {"catch_up_window": -1}, ValueError, "catch_up_window must not be negative, got: -1 seconds"),
    (schedule, {"misfire_grace_time": "5"}, TypeError, "misfire_grace_time must be a timedelta or a number of seconds, got: '5'"),
    (schedule, {"misfire_grace_time": True}, TypeError, "misfire_grace_time must be a timedelta or a number of seconds, got: True"),
    (schedule, {"job_result_expiration_time": -1}, ValueError, "job_result_expiration_time must not be negative"),
    (job, {"result_expiration_time": -1}, ValueError, "result_expiration_time must not be negative, got: -1 seconds"),
    (schedule, {"job_result_expiration_time": None}, TypeError, "job_result_expiration_time must be a timedelta or a number of seconds, got: None"),
    (job, {"result_expiration_time": None}, TypeError, "result_expiration_time must be a timedelta or a number of seconds, got: None"),
    (job, {"jitter": None}, TypeError, "jitter must be a timedelta or a number of seconds, got: None"),
    (RetryPolicy, {"first_delay": None}, TypeError, "first_delay must be a timedelta or a number of seconds, got: None"),
    # points in time
    (schedule, {"next_fire_time": NAIVE}, ValueError, "a point in time must have a time zone, got: 2025-01-01T00:00:00"),
    (schedule, {"acquired_until": NAIVE}, ValueError, "a point in time must have a time zone, got: 2025-01-01"),
    (job, {"created_at": NAIVE}, ValueError, "a point in time must have a time zone, got: 2025-01-01T00:00:00"),
    (job, {"scheduled_fire_time": NAIVE}, ValueError, "a point in time must have a time zone, got: 2025-01-01"),
    (job, {"start_deadline": NAIVE}, ValueError, "a point in time must have a time zone, got: 2025-01-01T00:00:00"),
    (job, {"not_before": NAIVE}, ValueError, "a point in time must have a time zone, got: 2025-01-01T00:00:00"),
    (result, {"started_at": NAIVE}, ValueError, "a point in time must have a time zone, got: 2025-01-01T00:00:00"),
    (Event, {"timestamp": NAIVE}, ValueError, "a point in time must have a time zone, got: 2025-01-01T00:00:00"),
    (job, {"created_at": "2025-01-01"}, TypeError, "a point in time must be a datetime, got: '2025-01-01'"),
    (schedule, {"next_fire_time": 0}, TypeError, "a point in time must be a datetime, got: 0"),
    # choices
    (schedule, {"coalesce": "first"}, ValueError, "CoalescePolicy must be one of earliest, latest, all, got: 'first'"),
    (schedule, {"coalesce": 1}, ValueError, "CoalescePolicy must be one of earliest, latest, all, got: 1"),
    (task, {"abandoned": "retry"}, ValueError, "AbandonedPolicy must be one of record, run_again, got: 'retry'"),
    (task, {"retry": 3}, TypeError, "retry must be of type RetryPolicy"),
    # collections
    (task, {"tags": "urgent"}, TypeError, "tags must be a set of words, got: 'urgent'"),
    (task, {"tags": ["urgent", 5]}, TypeError, "tags must be a set of words, got: ('urgent', 5)"),
    (JobFilter, {"tags": "gpu"}, TypeError, "tags must be a set of words, got: 'gpu'"),
    (JobFilter, {"task_ids": "mail"}, TypeError, "task_ids must be a set of words, got: 'mail'"),
    (JobFilter, {"task_ids": 5}, TypeError, "task_ids must be a set of words, got: 5"),
    (JobFilter, {"task_ids": [["mail"]]}, TypeError, "task_ids must be a set of words, got: (['mail'],)"),
    (task, {"metadata": {"a": {1, 2}}}, ValueError, "metadata must consist of JSON-compatible values: "),
    (task, {"metadata": {"a": float("nan")}}, ValueError, "metadata must consist of JSON-compatible values: "),
    (job, {"metadata": {"a": object()}}, ValueError, "metadata must consist of JSON-compatible values: "),
    (schedule, {"metadata": {(1, 2): 3}}, ValueError, "metadata must consist of JSON-compatible values: "),
    (job, {"args": 5}, TypeError, "args must be a sequence of arguments, got: 5"),
    (job, {"args": "text"}, TypeError, "args must be a sequence of arguments, got: 'text'"),
    (job, {"kwargs": {1: 2}}, TypeError, "kwargs must be a mapping from names to values, got: {1: 2}"),
    (job, {"metadata": {"a": "x" * 1_000_000}}, ValueError, "metadata must have at most 1000000 characters as JSON, got: 1000009"),
    (job, {"metadata": 5}, TypeError, "metadata must be a mapping, got: 5"),
    (job, {"result_expiration_time": timedelta.max}, ValueError, "result_expiration_time must be at most 36525 days"),
    (job, {"result_expiration_time": float("nan")}, ValueError, "result_expiration_time must be at most 36525 days, got: nan"),
    (job, {"result_expiration_time": 1e300}, ValueError, "result_expiration_time must be at most 36525 days, got: 1e+300"),
    (task, {"id": "half \ud800"}, ValueError, "id must not contain half a character"),
    (task, {"max_running_jobs": 10**30}, ValueError, "max_running_jobs must be at most 2147483647"),
    # executors
    (task, {"job_executor": None}, TypeError, "job_executor must be of type str, got: None"),
    (schedule, {"job_executor": None}, TypeError, "job_executor must be of type str, got: None"),
    (job, {"executor": 5}, TypeError, "executor must be of type str, got: 5"),
    (task, {"func": print}, TypeError, "func must be of type str or None, got: <built-in function print>"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "changes", "error", "text"),
    REFUSED,
    ids=[f"{case[0].__name__}-{next(iter(case[1]))}-{n}" for n, case in enumerate(REFUSED)],
)
def test_invalid_field_is_refused(
    make: Any, changes: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=f"^{re.escape(text)}"):
        make(**changes)


@pytest.mark.parametrize(
    ("make", "field", "given", "kept"),
    [
        (task, "misfire_grace_time", 90, timedelta(seconds=90)),
        (task, "misfire_grace_time", 0.5, timedelta(milliseconds=500)),
        (task, "misfire_grace_time", 0, timedelta(0)),
        (task, "misfire_grace_time", None, None),
        (task, "timeout", timedelta(hours=1), timedelta(hours=1)),
        (task, "max_running_jobs", None, None),
        (task, "id", "x" * 500, "x" * 500),
        (task, "id", " Émile/../%_*>#'; drop", " Émile/../%_*>#'; drop"),
        (task, "abandoned", "run_again", AbandonedPolicy.run_again),
        (task, "tags", ["a", "b", "a"], frozenset({"a", "b"})),
        (JobFilter, "tags", ["gpu"], frozenset({"gpu"})),
        (JobFilter, "task_ids", ("mail",), frozenset({"mail"})),
        (task, "metadata", {"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
        (schedule, "coalesce", "all", CoalescePolicy.all),
        (schedule, "coalesce", CoalescePolicy.earliest, CoalescePolicy.earliest),
        (schedule, "args", [1, 2], (1, 2)),
        (schedule, "acquired_until", BERLIN, BERLIN.astimezone(timezone.utc)),
        (job, "jitter", 1.25, timedelta(seconds=1.25)),
        (job, "start_deadline", BERLIN, BERLIN.astimezone(timezone.utc)),
        (job, "start_deadline", None, None),
    ],
)
def test_convenient_forms_are_converted(make: Any, field: str, given: Any, kept: Any) -> None:
    value = getattr(make(**{field: given}), field)
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize("make", [schedule, job], ids=["schedule", "job"])
def test_fire_times_keep_their_zone_and_pass(make: Any) -> None:
    """A fire time is shown in the zone of its trigger; the bookkeeping is in UTC."""
    field = "next_fire_time" if make is schedule else "scheduled_fire_time"
    value = getattr(make(**{field: BERLIN}), field)
    assert (value.tzinfo, value.fold) == (BERLIN.tzinfo, 1)


def test_bookkeeping_times_are_in_utc() -> None:
    assert job(created_at=BERLIN).created_at.isoformat() == "2025-10-26T01:30:00+00:00"
    assert Event(timestamp=BERLIN).timestamp.isoformat() == "2025-10-26T01:30:00+00:00"


def test_arguments_are_copies() -> None:
    """What the caller does with his dictionary later does not reach the job."""
    kwargs = {"a": 1}
    made = job(kwargs=kwargs)
    kwargs["a"] = 2
    assert made.kwargs == {"a": 1}


def test_values_cannot_be_changed() -> None:
    instances: list[Any] = [task(), schedule(), job()]
    for instance in instances:
        with pytest.raises(AttributeError):
            instance.id = "other"


def test_claims_do_not_make_a_difference_to_equality() -> None:
    """The token is bookkeeping of the data store."""
    assert job(token=1) == job(token=2)
    assert schedule(trigger=DateTrigger(NOW), token=1) == schedule(
        trigger=DateTrigger(NOW), token=2
    )
    assert task(running_jobs=1) == task(running_jobs=2)
