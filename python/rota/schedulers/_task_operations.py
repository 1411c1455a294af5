"""What can be asked of a scheduler about tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rota.model import unset
from rota.schedulers._base import SchedulerBase

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Unpack

    from rota.model import Task, UnsetValue
    from rota.schedulers._decorator import TaskSettings

__all__ = ["TaskOperations"]


class TaskOperations(SchedulerBase):
    """Tasks: callables and how their jobs are to be run."""

    async def configure_task(
        self,
        func_or_task_id: Task | str | Callable[..., Any],
        *,
        func: Callable[..., Any] | UnsetValue = unset,
        **settings: Unpack[TaskSettings],
    ) -> Task:
        """Add a task, or change what is said of it; settings that are not given stay as they are.

        :param func_or_task_id: a callable, the id of a task, or a task
        :param func: the callable, if an id is given. A callable that cannot be imported, such as a lambda, has to be
            given in every process that runs it
        :param settings: see `Task`
        :raises TaskLookupError: if there is no task by that id and no callable is given
        :raises JobExecutorLookupError: if nobody can have an executor by that name
        """
        self._require_services()
        return await self._tasks.configure(func_or_task_id, func, **settings)

    async def get_tasks(self) -> list[Task]:
        """Return all tasks, ordered by id."""
        self._require_services()
        return await self.data_store.get_tasks()
