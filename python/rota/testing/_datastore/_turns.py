"""Serial jobs of a schedule take turns: a later one is blocked until the earlier one has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from rota.model import AbandonedPolicy, JobOutcome, JobRelease
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
)

if TYPE_CHECKING:
    from rota.abc import DataStore
    from rota.model import Job
    from rota.testing._datastore._fixtures import PassTime

ROUNDS = 20


def serial_jobs(*hours: int, schedule_id: str = "schedule", **settings: Any) -> list[Job]:
    """Make serial jobs of a schedule, which fire at some hours."""
    return [
        make_job(
            schedule_id=schedule_id,
            scheduled_fire_time=LONG_AGO + hour * HOUR,
            serial=True,
            **settings,
        )
        for hour in hours
    ]


async def fire_jobs(store: DataStore, jobs: list[Job], **settings: Any) -> None:
    """Have a new schedule give jobs, and be due no more until long after."""
    await add(store, make_schedule(**settings))
    result = fire(
        await claim_one_schedule(store), *jobs, next_fire_time=LONG_AGO + 10_000_000 * HOUR
    )
    assert await store.release_schedules("A", [result]) == set()


async def end(store: DataStore, job: Job, **settings: Any) -> None:
    """End a claimed job."""
    assert job.acquired_by is not None
    release = ended(job, await store.now(), **settings)
    assert await store.release_jobs(job.acquired_by, [release]) == set()


class TakingTurns(DataStoreFixtures):
    """However many workers there are, and however a job ends."""

    async def test_jobs_of_one_firing_run_one_after_another(self, store: DataStore) -> None:
        jobs = serial_jobs(1, 2, 3)
        await fire_jobs(store, jobs)
        for job in jobs:
            claimed = await claim_one_job(store)
            assert claimed.id == job.id
            assert await claim_jobs(store, "B") == []
            await end(store, claimed)
        assert await claim_jobs(store) == []

    async def test_jobs_of_later_firings_wait(self, store: DataStore) -> None:
        await add(store, make_schedule())
        first = fire(await claim_one_schedule(store), serial=True)
        assert await store.release_schedules("A", [first]) == set()
        running = await claim_one_job(store)
        for _ in range(2):
            result = fire(await claim_one_schedule(store), serial=True)
            assert await store.release_schedules("A", [result]) == set()
        assert await claim_jobs(store, "B") == []
        await end(store, running)
        second = await claim_one_job(store)
        assert second.scheduled_fire_time == LONG_AGO + HOUR
        await end(store, second)
        assert (await claim_one_job(store)).scheduled_fire_time == LONG_AGO + 2 * HOUR

    async def test_schedules_do_not_wait_for_each_other(self, store: DataStore) -> None:
        for id_ in "ab":
            await fire_jobs(store, serial_jobs(1, 2, schedule_id=id_), id=id_)
        claimed = await claim_jobs(store)
        assert sorted(str(job.schedule_id) for job in claimed) == ["a", "b"]
        releases = [ended(job, await store.now()) for job in claimed]
        assert await store.release_jobs("A", releases) == set()
        again = await claim_jobs(store)
        assert sorted(str(job.schedule_id) for job in again) == ["a", "b"]
        assert {job.scheduled_fire_time for job in again} == {LONG_AGO + 2 * HOUR}

    async def test_other_jobs_of_the_schedule_are_not_waited_for(self, store: DataStore) -> None:
        other = make_job(schedule_id="schedule")
        await store.add_jobs([other])
        serial = serial_jobs(1)
        await fire_jobs(store, serial)
        assert {job.id for job in await claim_jobs(store)} == {other.id, serial[0].id}

    async def test_cancelled_job_that_waits_is_passed_over(self, store: DataStore) -> None:
        jobs = serial_jobs(1, 2, 3)
        await fire_jobs(store, jobs)
        first = await claim_one_job(store)
        assert await store.cancel_jobs([jobs[1].id]) == {jobs[1].id}
        assert await claim_jobs(store, "B") == []
        await end(store, first)
        assert (await claim_one_job(store)).id == jobs[2].id

    async def test_cancelled_job_that_had_its_turn_passes_it_on(self, store: DataStore) -> None:
        jobs = serial_jobs(1, 2)
        await fire_jobs(store, jobs)
        assert await store.cancel_jobs([jobs[0].id]) == {jobs[0].id}
        assert (await claim_one_job(store)).id == jobs[1].id

    async def test_cancelled_job_that_runs_keeps_its_turn_until_it_has_ended(
        self, store: DataStore
    ) -> None:
        jobs = serial_jobs(1, 2)
        await fire_jobs(store, jobs)
        first = await claim_one_job(store)
        assert await store.cancel_jobs([first.id]) == {first.id}
        assert await claim_jobs(store, "B") == []
        assert await store.release_jobs("A", [JobRelease(job=first)]) == set()
        assert (await claim_one_job(store, "B")).id == jobs[1].id

    async def test_all_cancelled_at_once_leave_nothing(self, store: DataStore) -> None:
        jobs = serial_jobs(1, 2, 3)
        await fire_jobs(store, jobs)
        ids = {job.id for job in jobs}
        assert await store.cancel_jobs(ids) == ids
        assert await claim_jobs(store) == []
        assert await store.get_jobs() == []

    async def test_job_that_is_tried_again_keeps_its_turn(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        jobs = serial_jobs(1, 2)
        await fire_jobs(store, jobs)
        await end(store, await claim_one_job(store), outcome=JobOutcome.error, run_again_after=HOUR)
        assert await claim_jobs(store) == []
        await pass_time(HOUR)
        second_attempt = await claim_one_job(store)
        assert (second_attempt.id, second_attempt.attempt) == (jobs[0].id, 2)
        await end(store, second_attempt)
        assert (await claim_one_job(store)).id == jobs[1].id

    async def test_job_that_is_handed_back_keeps_its_turn(self, store: DataStore) -> None:
        jobs = serial_jobs(1, 2)
        await fire_jobs(store, jobs)
        claimed = await claim_one_job(store)
        assert await store.release_jobs("A", [JobRelease(job=claimed)]) == set()
        assert (await claim_one_job(store, "B")).id == jobs[0].id

    async def test_abandoned_job_passes_its_turn_on(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        jobs = serial_jobs(1, 2)
        await fire_jobs(store, jobs)
        await claim_one_job(store)
        await pass_time(LEASE + SECOND)
        await store.reap_jobs()
        assert (await claim_one_job(store, "B")).id == jobs[1].id

    async def test_abandoned_job_that_is_run_again_keeps_its_turn(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await store.add_task(make_task("again", abandoned=AbandonedPolicy.run_again))
        jobs = serial_jobs(1, 2, task_id="again")
        await fire_jobs(store, jobs, task_id="again")
        await claim_one_job(store)
        await pass_time(LEASE + SECOND)
        await store.reap_jobs()
        second_attempt = await claim_one_job(store, "B")
        assert (second_attempt.id, second_attempt.attempt) == (jobs[0].id, 2)

    async def test_start_deadline_of_a_job_that_waits_is_kept(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        now = await store.now()
        (first,) = serial_jobs(1)
        (late,) = serial_jobs(2, start_deadline=now + SECOND)
        (third,) = serial_jobs(3)
        await fire_jobs(store, [first, late, third])
        claimed = await claim_one_job(store)
        await pass_time(LEASE / 2)
        await store.reap_jobs()
        assert {job.id for job in await store.get_jobs()} == {first.id, third.id}
        await end(store, claimed)
        assert (await claim_one_job(store)).id == third.id

    async def test_limit_of_the_task_counts_when_the_turn_has_come(self, store: DataStore) -> None:
        await store.add_task(make_task("one", max_running_jobs=1))
        jobs = serial_jobs(1, 2, task_id="one")
        await fire_jobs(store, jobs, task_id="one")
        await end(store, await claim_one_job(store))
        other = make_job(task_id="one", priority=1)
        await store.add_jobs([other])
        urgent = await claim_one_job(store)
        assert urgent.id == other.id
        await end(store, urgent)
        assert (await claim_one_job(store)).id == jobs[1].id

    async def test_job_does_not_start_before_its_time_when_its_turn_has_come(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        now = await store.now()
        (first,) = serial_jobs(1)
        (second,) = serial_jobs(2, not_before=now + HOUR)
        await fire_jobs(store, [first, second])
        await end(store, await claim_one_job(store))
        assert await claim_jobs(store) == []
        delay = await store.time_to_next_job()
        assert delay is not None
        assert HOUR - 10 * SECOND < delay <= HOUR
        await pass_time(HOUR)
        assert (await claim_one_job(store)).id == second.id

    async def test_turns_outlive_the_schedule(self, store: DataStore) -> None:
        jobs = serial_jobs(1, 2)
        await fire_jobs(store, jobs)
        await store.remove_schedules(["schedule"])
        for job in jobs:
            claimed = await claim_one_job(store)
            assert claimed.id == job.id
            await end(store, claimed)

    async def test_jobs_that_wait_for_their_turn_are_unfinished(self, store: DataStore) -> None:
        jobs = serial_jobs(1, 2, 3)
        await fire_jobs(store, jobs)
        await claim_one_job(store)
        unfinished = await store.unfinished_jobs(["schedule"])
        assert unfinished == {"schedule": {jobs[0].id: True, jobs[1].id: False, jobs[2].id: False}}
        backlog = await store.backlog()
        assert (backlog.due_jobs, backlog.running_jobs) == (2, 1)

    async def test_turn_is_never_lost_between_one_who_fires_and_one_who_ends(
        self, store: DataStore
    ) -> None:
        await add(store, make_schedule())
        first = fire(await claim_one_schedule(store), serial=True)
        assert await store.release_schedules("A", [first]) == set()
        for _ in range(ROUNDS):
            result = fire(await claim_one_schedule(store, "A"), serial=True)
            running = await claim_one_job(store, "B")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(store.release_schedules, "A", [result])
                tasks.start_soon(end, store, running)
        assert (await claim_one_job(store)).scheduled_fire_time == LONG_AGO + ROUNDS * HOUR
