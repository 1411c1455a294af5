"""Rows of tasks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rota.datastores.sql.instants import duration, micros_of
from rota.datastores.sql.rows.objects import from_json, storable, to_json
from rota.model import AbandonedPolicy, DeserializationError, RetryPolicy, Task

if TYPE_CHECKING:
    from rota.datastores.sql._dialect import Values

__all__ = ["task_from_row", "task_row"]


def task_row(task: Task) -> Values:
    """Return the row of a task, in the order of the table's columns."""
    return (
        storable("task id", task.id),
        task.func,
        task.job_executor,
        task.max_running_jobs,
        micros_of(task.misfire_grace_time),
        to_json(task.metadata),
        task.abandoned.name,
        task.retry.max_attempts,
        micros_of(task.retry.first_delay),
        micros_of(task.retry.max_delay),
        micros_of(task.timeout),
        json.dumps(sorted(task.tags)) if task.tags else None,
    )


def task_from_row(row: Values, running_jobs: int) -> Task:
    """Return the task of a row in the order of the table's columns.

    :raises DeserializationError: if the row is damaged
    """
    try:
        return _task(row, running_jobs)
    except (ArithmeticError, LookupError, TypeError, ValueError) as exc:
        raise DeserializationError(f"task {row[0]!r} cannot be read: {exc}") from exc


def _task(row: Values, running_jobs: int) -> Task:
    id_, func, executor, limit, grace, metadata, abandoned, *rest = row
    max_attempts, first_delay, max_delay, timeout, tags = rest
    return Task(
        id=id_,
        func=func,
        job_executor=executor,
        max_running_jobs=limit,
        misfire_grace_time=duration(grace),
        metadata=from_json(metadata),
        running_jobs=running_jobs,
        abandoned=AbandonedPolicy[abandoned],
        retry=RetryPolicy(
            max_attempts=max_attempts,
            first_delay=duration(first_delay),
            max_delay=duration(max_delay),
        ),
        timeout=duration(timeout),
        tags=frozenset(json.loads(tags)) if tags else frozenset(),
    )
