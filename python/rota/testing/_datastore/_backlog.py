"""How much waits, for those who watch a store."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rota.abc import Backlog
from rota.model import AbandonedPolicy, ConflictPolicy
from rota.testing._datastore._fixtures import (
    HOUR,
    LEASE,
    LONG_AGO,
    SECOND,
    DataStoreFixtures,
    add,
    claim_jobs,
    claim_one_job,
    claim_one_schedule,
    claim_schedules,
    ended,
    fire,
    make_job,
    make_schedule,
    make_task,
)

if TYPE_CHECKING:
    from rota.abc import DataStore
    from rota.testing._datastore._fixtures import PassTime


async def jobs(store: DataStore) -> tuple[int, int, int]:
    """Return how many jobs are due, delayed and running."""
    backlog = await store.backlog()
    return backlog.due_jobs, backlog.delayed_jobs, backlog.running_jobs


async def due_schedules(store: DataStore) -> int:
    """Return how many schedules are due."""
    return (await store.backlog()).due_schedules


class CountingBacklogs(DataStoreFixtures):
    """Each schedule and job counts as what it is, however many there are of other kinds."""

    async def test_nothing_waits_in_an_empty_store(self, store: DataStore) -> None:
        assert await store.backlog() == Backlog(
            due_schedules=0,
            overdue=timedelta(0),
            due_jobs=0,
            delayed_jobs=0,
            running_jobs=0,
        )

    async def test_schedule_counts_from_when_it_is_due_until_it_has_advanced(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        now = await store.now()
        await add(store, make_schedule("a", now + HOUR), make_schedule("b", now + 2 * HOUR))
        assert await due_schedules(store) == 0
        await pass_time(HOUR)
        assert await due_schedules(store) == 1
        schedule = await claim_one_schedule(store)
        assert await due_schedules(store) == 1
        await store.release_schedules("A", [fire(schedule)])
        assert await due_schedules(store) == 0
        await pass_time(HOUR)
        assert await due_schedules(store) == 2

    async def test_overdue_is_the_age_of_the_first_due_schedule(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        now = await store.now()
        await add(store, make_schedule("b", now + 2 * HOUR), make_schedule("a", now + HOUR))
        assert (await store.backlog()).overdue == timedelta(0)
        await pass_time(3 * HOUR)
        assert 2 * HOUR <= (await store.backlog()).overdue < 2 * HOUR + 10 * SECOND
        await claim_schedules(store)
        assert 2 * HOUR <= (await store.backlog()).overdue < 2 * HOUR + 10 * SECOND
        await store.remove_schedules(["a"])
        assert HOUR <= (await store.backlog()).overdue < HOUR + 10 * SECOND

    async def test_schedule_of_a_lost_scheduler_counts_once(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await add(store, make_schedule())
        await claim_one_schedule(store)
        await pass_time(LEASE)
        assert await due_schedules(store) == 1
        await claim_one_schedule(store, "B")
        assert await due_schedules(store) == 1

    async def test_schedule_at_rest_does_not_count(self, store: DataStore) -> None:
        """Paused, set aside, without fire time, or removed."""
        await add(
            store,
            make_schedule("failing"),
            make_schedule("removed"),
            make_schedule("paused", paused=True),
            make_schedule("finished", next_fire_time=None),
        )
        assert await due_schedules(store) == 2
        await store.remove_schedules(["removed"])
        schedule = await claim_one_schedule(store)
        result = fire(schedule, jobs=(), error="it raised", next_fire_time=LONG_AGO)
        await store.release_schedules("A", [result])
        assert await due_schedules(store) == 0

    async def test_replaced_schedule_counts_as_what_it_is_now(self, store: DataStore) -> None:
        await add(store, make_schedule())
        later = make_schedule(due=await store.now() + HOUR)
        await add(store, later, conflict_policy=ConflictPolicy.replace)
        assert await due_schedules(store) == 0

    async def test_job_counts_as_what_it_is(self, store: DataStore, pass_time: PassTime) -> None:
        now = await store.now()
        await store.add_jobs([make_job(), make_job(), make_job(not_before=now + HOUR)])
        assert await jobs(store) == (2, 1, 0)
        first, _ = await claim_jobs(store, lease=3 * HOUR)
        assert await jobs(store) == (0, 1, 2)
        await pass_time(HOUR)
        assert await jobs(store) == (1, 0, 2)
        again = ended(first, await store.now(), run_again_after=HOUR)
        await store.release_jobs("A", [again])
        assert await jobs(store) == (1, 1, 1)
        await store.cancel_jobs([first.id])
        assert await jobs(store) == (1, 0, 1)

    async def test_jobs_of_a_full_task_count_as_due(self, store: DataStore) -> None:
        await store.add_task(make_task(max_running_jobs=1))
        await store.add_jobs([make_job(), make_job(), make_job()])
        await claim_one_job(store)
        assert await jobs(store) == (2, 0, 1)

    async def test_job_of_a_lost_worker_runs_until_it_is_reaped(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await store.add_task(make_task("again", abandoned=AbandonedPolicy.run_again))
        await store.add_jobs([make_job(), make_job(task_id="again")])
        await claim_jobs(store)
        await pass_time(LEASE)
        assert await jobs(store) == (0, 0, 2)
        await store.reap_jobs()
        assert await jobs(store) == (1, 0, 0)

    async def test_nothing_is_counted_beyond_the_limit(self, store: DataStore) -> None:
        later = await store.now() + HOUR
        await add(store, *(make_schedule(f"{n}") for n in range(4)))
        await store.add_jobs([make_job() for _ in range(6)])
        await store.add_jobs([make_job(not_before=later) for _ in range(4)])
        await claim_jobs(store, limit=3)
        backlog = await store.backlog(2)
        assert backlog.due_schedules == 2
        assert (backlog.due_jobs, backlog.delayed_jobs, backlog.running_jobs) == (2, 2, 2)
        backlog = await store.backlog(4)
        assert (backlog.due_jobs, backlog.delayed_jobs, backlog.running_jobs) == (3, 4, 3)
