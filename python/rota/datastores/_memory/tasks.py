"""Tasks, each with the queue of its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from rota.datastores._memory.agenda import Agenda
from rota.model import Task, TaskLookupError
from rota.model._copies import copier

if TYPE_CHECKING:
    from rota.abc import JobFilter
    from rota.datastores._memory.agenda import Entry
    from rota.datastores._memory.records import Record

__all__ = ["TaskQueue", "TaskTable"]

_with_running_jobs = copier(Task, "running_jobs")


@define(eq=False)
class TaskQueue:
    """A task and its unfinished jobs.

    :param schedules: how many schedules the task has
    :param jobs: how many unfinished jobs it has
    :param waiting: jobs that may start, in the order in which they are to
    :param delayed: jobs that may not start yet, by when they may
    :param running: jobs that are claimed; that they are in here is what counts against the limit
    """

    task: Task
    schedules: int = 0
    jobs: int = 0
    waiting: Agenda[Record] = field(factory=Agenda)
    delayed: Agenda[Record] = field(factory=Agenda)
    running: set[Record] = field(factory=set)

    def has_room(self) -> bool:
        """Tell whether another job may start."""
        limit = self.task.max_running_jobs
        return limit is None or len(self.running) < limit

    def head(self) -> Entry | None:
        """Return the entry of the job that is to start next, or `None` if none may."""
        return self.waiting.first() if self.has_room() else None

    def is_accepted(self, accept: JobFilter) -> bool:
        """Tell whether a worker with this choice takes jobs of the task."""
        if accept.task_ids and self.task.id not in accept.task_ids:
            return False
        return not accept.tags or not accept.tags.isdisjoint(self.task.tags)

    def snapshot(self) -> Task:
        """Return the task with the number of its running jobs."""
        return _with_running_jobs(self.task, len(self.running))


class TaskTable:
    """All tasks, by id."""

    def __init__(self) -> None:
        self._queues: dict[str, TaskQueue] = {}

    def put(self, task: Task) -> tuple[TaskQueue, bool]:
        """Add or update a task; tell whether it is new."""
        queue = self._queues.get(task.id)
        if queue is None:
            queue = self._queues[task.id] = TaskQueue(task)
            return queue, True
        queue.task = task
        return queue, False

    def remove(self, task_id: str) -> None:
        """Remove a task that is not in use.

        :raises TaskLookupError: if there is no such task
        :raises ValueError: if it has schedules or jobs
        """
        queue = self.get(task_id)
        if queue.schedules or queue.jobs:
            raise ValueError(f"task {task_id!r} is still in use by schedules or jobs")
        del self._queues[task_id]

    def get(self, task_id: str) -> TaskQueue:
        """Return a task with its queue.

        :raises TaskLookupError: if there is no such task
        """
        queue = self._queues.get(task_id)
        if queue is None:
            raise TaskLookupError(task_id)
        return queue

    def snapshots(self) -> list[Task]:
        """Return all tasks, ordered by id."""
        return [queue.snapshot() for _, queue in sorted(self._queues.items())]
