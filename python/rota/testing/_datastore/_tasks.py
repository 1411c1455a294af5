"""Tasks: added, updated, removed, and how many jobs of each run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rota.model import (
    AbandonedPolicy,
    RetryPolicy,
    Task,
    TaskAdded,
    TaskLookupError,
    TaskRemoved,
    TaskUpdated,
)
from rota.testing._datastore._fixtures import (
    DataStoreFixtures,
    add,
    claim_jobs,
    claim_one_job,
    ended,
    make_job,
    make_schedule,
    make_task,
)

if TYPE_CHECKING:
    from rota.abc import DataStore
    from rota.testing._datastore._fixtures import RecordingBroker


class KeepingTasks(DataStoreFixtures):
    """Tasks are kept as they were given."""

    async def test_task_comes_back_as_it_was_added(self, store: DataStore) -> None:
        task = Task(
            id="tâsk",
            func="package.module:Class.method",
            job_executor="threads",
            max_running_jobs=7,
            misfire_grace_time=timedelta(microseconds=1),
            metadata={"nested": {"list": [1, None, "é"]}},
            abandoned=AbandonedPolicy.run_again,
            retry=RetryPolicy(max_attempts=3, first_delay=0.25, max_delay=90),
            timeout=timedelta(days=400, microseconds=1),
            tags={"slow", "gpu"},
        )
        await store.add_task(task)
        assert await store.get_task("tâsk") == task

    async def test_adding_a_task_again_updates_it(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        await store.add_task(make_task("other"))
        await store.add_task(make_task("other", max_running_jobs=5, tags={"x"}))
        assert await store.get_task("other") == make_task("other", max_running_jobs=5, tags={"x"})
        assert [type(event) for event in broker.events] == [TaskAdded, TaskUpdated]

    async def test_tasks_are_listed_in_the_order_of_their_ids(self, store: DataStore) -> None:
        for task_id in ("b", "é", "B", "a", "z"):
            await store.add_task(make_task(task_id))
        ids = [task.id for task in await store.get_tasks()]
        assert ids == ["B", "a", "b", "task", "z", "é"]

    async def test_unknown_task_cannot_be_had(self, store: DataStore) -> None:
        with pytest.raises(TaskLookupError, match="no task with the id 'other'"):
            await store.get_task("other")

    async def test_unknown_task_cannot_be_removed(self, store: DataStore) -> None:
        with pytest.raises(TaskLookupError, match="no task with the id 'other'"):
            await store.remove_task("other")

    async def test_removed_task_is_gone(self, store: DataStore, broker: RecordingBroker) -> None:
        await store.remove_task("task")
        assert await store.get_tasks() == []
        assert [event.task_id for event in broker.of(TaskRemoved)] == ["task"]

    async def test_task_of_a_schedule_cannot_be_removed(self, store: DataStore) -> None:
        await add(store, make_schedule())
        with pytest.raises(ValueError, match="task"):
            await store.remove_task("task")
        await store.remove_schedules(["schedule"])
        await store.remove_task("task")

    async def test_task_of_a_job_cannot_be_removed(self, store: DataStore) -> None:
        """Neither while it waits, nor while it runs."""
        await store.add_jobs([make_job()])
        with pytest.raises(ValueError, match="task"):
            await store.remove_task("task")
        job = await claim_one_job(store)
        with pytest.raises(ValueError, match="task"):
            await store.remove_task("task")
        await store.release_jobs("A", [ended(job, await store.now())])
        await store.remove_task("task")

    async def test_running_jobs_are_counted(self, store: DataStore) -> None:
        await store.add_task(make_task("other"))
        await store.add_jobs([make_job() for _ in range(5)])
        await store.add_jobs([make_job(task_id="other")])
        first, second, *_ = await claim_jobs(store, limit=3)
        counts = [task.running_jobs for task in await store.get_tasks()]
        assert counts == [0, 3]
        await store.release_jobs("A", [ended(job, await store.now()) for job in (first, second)])
        assert (await store.get_task("task")).running_jobs == 1

    async def test_raised_limit_lets_more_jobs_start(self, store: DataStore) -> None:
        await store.add_task(make_task(max_running_jobs=1))
        await store.add_jobs([make_job() for _ in range(5)])
        assert len(await claim_jobs(store)) == 1
        await store.add_task(make_task(max_running_jobs=3))
        assert len(await claim_jobs(store)) == 2
        await store.add_task(make_task(max_running_jobs=None))
        assert len(await claim_jobs(store)) == 2

    async def test_lowered_limit_lets_running_jobs_end(self, store: DataStore) -> None:
        """What runs already is not stopped; nothing starts until there are fewer than the new limit."""
        await store.add_jobs([make_job() for _ in range(4)])
        running = await claim_jobs(store, limit=2)
        await store.add_task(make_task(max_running_jobs=1))
        assert await claim_jobs(store) == []
        for job in running:
            assert await claim_jobs(store) == []
            await store.release_jobs("A", [ended(job, await store.now())])
        assert len(await claim_jobs(store)) == 1
