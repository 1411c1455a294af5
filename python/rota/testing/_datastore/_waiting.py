"""How long a scheduler may sleep: until something can be claimed, or a lease of somebody else ends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import evolve

from rota.abc import JobFilter
from rota.model import AbandonedPolicy, JobRelease
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
    ended,
    fire,
    make_job,
    make_schedule,
    make_task,
    only,
)

if TYPE_CHECKING:
    from rota.abc import DataStore
    from rota.testing._datastore._fixtures import PassTime

NOTHING = timedelta(0)


async def sleeps(store: DataStore, for_about: timedelta | None) -> bool:
    """Tell whether schedules let a scheduler sleep for a time, less what has passed during the test."""
    return about(await store.time_to_next_schedule(), for_about)


async def rests(
    store: DataStore, for_about: timedelta | None, accept: JobFilter | None = None
) -> bool:
    """Tell whether jobs let a worker rest for a time, less what has passed during the test."""
    return about(await store.time_to_next_job(accept), for_about)


def about(duration: timedelta | None, expected: timedelta | None) -> bool:
    """Tell whether a duration is at most a few seconds shorter than expected."""
    if duration is None or expected is None:
        return duration is expected
    if expected <= NOTHING:
        return duration <= NOTHING
    return expected - 10 * SECOND < duration <= expected


class Waiting(DataStoreFixtures):
    """What is asleep costs nothing, and what is due is not slept through."""

    # schedules

    async def test_without_schedules_there_is_nothing_to_wait_for(self, store: DataStore) -> None:
        assert await sleeps(store, None)

    async def test_scheduler_sleeps_until_the_first_fire_time(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        now = await store.now()
        await add(store, make_schedule("b", now + 2 * HOUR), make_schedule("a", now + HOUR))
        assert await sleeps(store, HOUR)
        await pass_time(HOUR)
        assert await sleeps(store, NOTHING)
        await store.release_schedules("A", [fire(await claim_one_schedule(store))])
        assert await sleeps(store, HOUR)

    async def test_earlier_schedule_shortens_the_sleep(self, store: DataStore) -> None:
        now = await store.now()
        await add(store, make_schedule("b", now + 2 * HOUR))
        assert await sleeps(store, 2 * HOUR)
        await add(store, make_schedule("a", now + HOUR))
        assert await sleeps(store, HOUR)
        await store.remove_schedules(["a"])
        assert await sleeps(store, 2 * HOUR)
        found = only(await store.get_schedules())
        await store.update_schedule(evolve(found, next_fire_time=now + 3 * HOUR))
        assert await sleeps(store, 3 * HOUR)

    async def test_paused_schedule_is_not_waited_for(self, store: DataStore) -> None:
        """Not even if it is overdue."""
        await add(store, make_schedule(paused=True))
        assert await sleeps(store, None)
        await add(store, make_schedule("b", await store.now() + HOUR))
        assert await sleeps(store, HOUR)

    async def test_schedule_that_was_set_aside_is_not_waited_for(self, store: DataStore) -> None:
        await add(store, make_schedule())
        schedule = await claim_one_schedule(store)
        result = fire(schedule, jobs=(), error="it raised", next_fire_time=LONG_AGO)
        await store.release_schedules("A", [result])
        assert await sleeps(store, None)

    async def test_schedule_without_fire_time_is_not_waited_for(self, store: DataStore) -> None:
        await add(store, make_schedule(next_fire_time=None))
        assert await sleeps(store, None)

    async def test_lease_of_a_lost_scheduler_is_waited_for(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await add(store, make_schedule())
        claimed = await claim_one_schedule(store)
        assert await sleeps(store, LEASE)
        await pass_time(LEASE / 2)
        await store.extend_leases("A", HOUR, {"schedule": claimed.token}, {})
        assert await sleeps(store, HOUR)
        await add(store, make_schedule("b", await store.now() + HOUR / 2))
        assert await sleeps(store, HOUR / 2)
        await pass_time(HOUR)
        assert await sleeps(store, NOTHING)

    async def test_lease_on_a_removed_schedule_is_not_waited_for(self, store: DataStore) -> None:
        await add(store, make_schedule())
        await claim_one_schedule(store)
        await store.remove_schedules(["schedule"])
        assert await sleeps(store, None)

    # jobs

    async def test_without_jobs_there_is_nothing_to_wait_for(self, store: DataStore) -> None:
        assert await rests(store, None)

    async def test_job_that_may_start_is_not_waited_for(self, store: DataStore) -> None:
        await store.add_jobs([make_job(), make_job(not_before=await store.now() + HOUR)])
        assert await rests(store, NOTHING)
        await claim_jobs(store, lease=3 * HOUR)
        assert await rests(store, HOUR)

    async def test_worker_rests_until_the_first_delay_is_over(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        now = await store.now()
        await store.add_jobs([make_job(not_before=now + n * HOUR) for n in (3, 1, 2)])
        assert await rests(store, HOUR)
        await pass_time(HOUR)
        assert await rests(store, NOTHING)

    async def test_lease_of_a_lost_worker_is_waited_for(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await store.add_jobs([make_job()])
        job = await claim_one_job(store)
        assert await rests(store, LEASE)
        await store.extend_leases("A", HOUR, {}, {job.id: job.token})
        assert await rests(store, HOUR)
        await pass_time(HOUR)
        assert await rests(store, NOTHING)
        await store.reap_jobs()
        assert await rests(store, None)

    async def test_released_job_is_not_waited_for(self, store: DataStore) -> None:
        await store.add_jobs([make_job()])
        job = await claim_one_job(store)
        await store.release_jobs("A", [ended(job, await store.now())])
        assert await rests(store, None)

    async def test_jobs_of_a_full_task_are_not_waited_for(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        """What is waited for is the lease on the one that runs."""
        now = await store.now()
        await store.add_task(make_task(max_running_jobs=1, abandoned=AbandonedPolicy.run_again))
        jobs = [make_job(), make_job(), make_job(not_before=now + SECOND)]
        await store.add_jobs(jobs)
        job = await claim_one_job(store)
        assert await rests(store, LEASE)
        await store.extend_leases("A", HOUR, {}, {job.id: job.token})
        await pass_time(2 * SECOND)
        assert await rests(store, HOUR)
        await store.release_jobs("A", [ended(job, await store.now())])
        assert await rests(store, NOTHING)

    async def test_delayed_job_of_another_task_is_waited_for(self, store: DataStore) -> None:
        """Although a full task has one that is delayed less."""
        now = await store.now()
        await store.add_task(make_task("full", max_running_jobs=1))
        await store.add_jobs(
            [
                make_job(task_id="full"),
                make_job(task_id="full", not_before=now + HOUR),
                make_job(not_before=now + 2 * HOUR),
            ]
        )
        await claim_jobs(store, lease=3 * HOUR)
        assert await rests(store, 2 * HOUR)

    async def test_handed_back_job_is_waited_for(self, store: DataStore) -> None:
        await store.add_jobs([make_job()])
        job = await claim_one_job(store)
        await store.release_jobs("A", [JobRelease(job=job, run_again_after=HOUR)])
        assert await rests(store, HOUR)
        await store.cancel_jobs([job.id])
        assert await rests(store, None)

    async def test_worker_waits_for_what_it_accepts(self, store: DataStore) -> None:
        await store.add_task(make_task("gpu", tags={"gpu"}))
        now = await store.now()
        await store.add_jobs([make_job(), make_job(task_id="gpu", not_before=now + HOUR)])
        gpu = JobFilter(tags=frozenset({"gpu"}))
        assert await rests(store, HOUR, gpu)
        assert await rests(store, NOTHING, JobFilter(task_ids=frozenset({"task"})))
        assert await rests(store, None, JobFilter(task_ids=frozenset({"other"})))
