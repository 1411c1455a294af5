"""The transactions on tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, delete, exists, func, insert, or_, select, update

from rota.datastores.sql.rows.jobs import ready_state
from rota.datastores.sql.rows.tasks import task_from_row, task_row
from rota.datastores.sql.tables import JobState
from rota.model import DeserializationError, Task, TaskLookupError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    from rota.datastores.sql.base import Base

__all__ = ["AddedTask", "Tasks"]


class AddedTask(NamedTuple):
    """What adding a task did.

    :param at: the time by the store's clock
    :param is_new: whether there was none by its id
    """

    at: int
    is_new: bool


class Tasks:
    """Adds, removes and returns tasks, and locks them for those who add jobs.

    Whether a task has a limit decides the state in which its jobs wait. So whoever adds a job shares a lock on its
    task, which those who change or remove the task must have alone. Claiming jobs needs neither: it locks the
    task's row in `task_slots`.
    """

    def __init__(self, base: Base) -> None:
        self._base = base
        tasks, jobs = base.tables.tasks, base.tables.jobs
        schedules, slots = base.tables.schedules, base.tables.slots
        by_id = tasks.c.id == bindparam("p_id")
        self._plain = select(tasks).where(by_id)
        self._lock = self._plain.with_for_update()
        self._shared = (
            select(base.dialect.now, tasks.c.id, tasks.c.max_running_jobs)
            .where(base.dialect.among(tasks.c.id, "p_ids"))
            .order_by(tasks.c.id)
            .with_for_update(read=True, key_share=True)
        )
        running = (
            select(func.count())
            .where(jobs.c.state == JobState.running.sql, jobs.c.task_id == tasks.c.id)
            .scalar_subquery()
        )
        self._all = select(tasks, running).order_by(tasks.c.id)
        self._one = select(tasks, running).where(by_id)
        self._insert = insert(tasks)
        self._update = update(tasks).where(by_id)
        self._insert_slots = insert(slots)
        self._delete = delete(tasks).where(by_id)
        self._delete_slots = delete(slots).where(slots.c.task_id == bindparam("p_id"))
        self._in_use = select(
            or_(
                exists().where(schedules.c.task_id == bindparam("p_id")),
                exists().where(
                    jobs.c.state.in_([state.sql for state in JobState]),
                    jobs.c.task_id == bindparam("p_id"),
                ),
            )
        )
        self._requeue = (
            update(jobs)
            .where(
                jobs.c.task_id == bindparam("p_id"),
                jobs.c.state == bindparam("p_old_state"),
            )
            .values(state=bindparam("p_new_state"))
        )

    def add(self, connection: Connection, task: Task) -> AddedTask:
        """Add a task, or update the one by its id.

        What would not change is not locked: each process adds its tasks when it starts, and a lock that has to be
        waited for would hold up those who fire.
        """
        row = task_row(task)
        now = self._base.now(connection)
        there = connection.execute(self._plain, {"p_id": task.id}).one_or_none()
        if there is not None and tuple(there) == tuple(row):
            return AddedTask(now, False)
        stored = connection.execute(self._lock, {"p_id": task.id}).one_or_none()
        values = dict(zip(self._base.tables.tasks.columns.keys(), row, strict=True))
        if stored is None:
            connection.execute(self._insert, values)
            connection.execute(self._insert_slots, {"task_id": task.id})
            return AddedTask(now, True)
        connection.execute(self._update, {**values, "p_id": task.id})
        was_limited = stored.max_running_jobs is not None
        is_limited = task.max_running_jobs is not None
        if is_limited is not was_limited:
            states = {
                "p_old_state": ready_state(was_limited).value,
                "p_new_state": ready_state(is_limited).value,
            }
            connection.execute(self._requeue, {"p_id": task.id, **states})
        return AddedTask(now, False)

    def remove(self, connection: Connection, task_id: str) -> int:
        """Remove a task that is not in use; return the time by the store's clock.

        :raises TaskLookupError: if there is no such task
        :raises ValueError: if it is still in use
        """
        by_id = {"p_id": task_id}
        if connection.execute(self._lock, by_id).one_or_none() is None:
            raise TaskLookupError(task_id)
        if connection.execute(self._in_use, by_id).scalar_one():
            raise ValueError(f"task {task_id!r} is still in use by schedules or jobs")
        connection.execute(self._delete, by_id)
        connection.execute(self._delete_slots, by_id)
        return self._base.now(connection)

    def get(self, connection: Connection, task_id: str) -> Task:
        """Return a task.

        :raises TaskLookupError: if there is no such task
        """
        row = connection.execute(self._one, {"p_id": task_id}).one_or_none()
        if row is None:
            raise TaskLookupError(task_id)
        return task_from_row(row[:-1], row[-1])

    def get_all(self, connection: Connection) -> tuple[list[Task], list[DeserializationError]]:
        """Return all tasks, ordered by id, and of those that cannot be read, why."""
        tasks, unreadable = [], []
        for row in connection.execute(self._all):
            try:
                tasks.append(task_from_row(row[:-1], row[-1]))
            except DeserializationError as exc:
                unreadable.append(exc)
        return tasks, unreadable

    def limited(self, connection: Connection, task_ids: Collection[str]) -> Mapping[str, bool]:
        """Keep tasks as they are until the end of the transaction; return for each whether it has a limit.

        One that is not there any more has none: whoever runs a job of it will find out.
        """
        binds = {"p_ids": sorted(task_ids), **self._base.moment()}
        rows = connection.execute(self._shared, binds).all()
        return {**dict.fromkeys(task_ids, False), **{row[1]: row[2] is not None for row in rows}}

    def share(
        self, connection: Connection, task_ids: Collection[str]
    ) -> tuple[int, Mapping[str, bool]]:
        """Keep tasks as they are until the end of the transaction.

        Return the time by the store's clock, and for each task whether it has a limit.

        :raises TaskLookupError: if one does not exist
        """
        ids = sorted(task_ids)
        rows = connection.execute(self._shared, {"p_ids": ids, **self._base.moment()}).all()
        limited = {task_id: limit is not None for _, task_id, limit in rows}
        for task_id in ids:
            if task_id not in limited:
                raise TaskLookupError(task_id)
        return rows[0][0], limited
