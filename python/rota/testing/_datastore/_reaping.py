"""What nobody else will end: jobs of workers that are gone, and jobs that can no longer start in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rota.model import AbandonedPolicy, JobOutcome
from rota.testing._datastore._fixtures import (
    HOUR,
    LEASE,
    SECOND,
    DataStoreFixtures,
    claim_jobs,
    claim_one_job,
    ended,
    make_job,
    make_task,
    only,
)

if TYPE_CHECKING:
    from rota.abc import DataStore
    from rota.testing._datastore._fixtures import PassTime


class Reaping(DataStoreFixtures):
    """Every job ends, and gives its slot back, once."""

    async def test_job_of_a_lost_worker_is_recorded_as_abandoned(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await store.add_task(make_task(max_running_jobs=1))
        await store.add_jobs([make_job(result_expiration_time=HOUR), make_job()])
        lost = await claim_one_job(store, "A")
        await pass_time(LEASE - SECOND)
        await store.reap_jobs()
        assert await claim_jobs(store, "B") == []
        await pass_time(SECOND)
        await store.reap_jobs()
        result = await store.get_job_result(lost.id)
        assert result is not None
        assert (result.outcome, result.attempt) == (JobOutcome.abandoned, 1)
        assert (await claim_one_job(store, "B")).id != lost.id
        assert await store.release_jobs("A", [ended(lost, await store.now())]) == {lost.id}
        result = await store.get_job_result(lost.id)
        assert result is not None
        assert result.outcome is JobOutcome.abandoned

    async def test_job_of_a_lost_worker_runs_again_if_its_task_says_so(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        """At once, as the next attempt, and in its old place in the order; its start deadline has been kept."""
        await store.add_task(make_task(max_running_jobs=1, abandoned=AbandonedPolicy.run_again))
        deadline = await store.now() + SECOND
        await store.add_jobs([make_job(start_deadline=deadline), make_job()])
        lost = await claim_one_job(store, "A")
        for attempt in range(2, 5):
            await pass_time(LEASE)
            await store.reap_jobs()
            await store.reap_jobs()
            assert (await store.get_task("task")).running_jobs == 0
            again = await claim_one_job(store, f"B{attempt}")
            assert (again.id, again.attempt) == (lost.id, attempt)

    async def test_cancelled_job_of_a_lost_worker_is_recorded_as_such(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        """It does not run again, whatever its task says."""
        await store.add_task(make_task(abandoned=AbandonedPolicy.run_again))
        await store.add_jobs([make_job(result_expiration_time=HOUR)])
        job = await claim_one_job(store)
        await store.cancel_jobs([job.id])
        await store.reap_jobs()
        assert len(await store.get_jobs()) == 1
        await pass_time(LEASE)
        await store.reap_jobs()
        assert await store.get_jobs() == []
        assert await store.cancelled_jobs("A") == set()
        result = await store.get_job_result(job.id)
        assert result is not None
        assert result.outcome is JobOutcome.cancelled

    @pytest.mark.parametrize("policy", AbandonedPolicy, ids=lambda policy: policy.name)
    async def test_slots_are_right_after_a_hundred_crashes(
        self, store: DataStore, pass_time: PassTime, policy: AbandonedPolicy
    ) -> None:
        """Each time by a worker with another id, which never comes back; each of two slots is given back once."""
        await store.add_task(make_task(max_running_jobs=2, abandoned=policy))
        await store.add_jobs([make_job() for _ in range(210)])
        for crash in range(100):
            assert len(await claim_jobs(store, f"worker {crash}")) == 2
            assert (await store.get_task("task")).running_jobs == 2
            await pass_time(LEASE)
            await store.reap_jobs()
            assert (await store.get_task("task")).running_jobs == 0
        left = 210 if policy is AbandonedPolicy.run_again else 10
        assert len(await store.get_jobs()) == left
        for _ in range(left // 2):
            jobs = await claim_jobs(store)
            assert len(jobs) == 2
            now = await store.now()
            assert await store.release_jobs("A", [ended(job, now) for job in jobs]) == set()
        assert await store.get_jobs() == []

    async def test_leases_of_one_worker_end_one_by_one(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await store.add_jobs([make_job() for _ in range(3)])
        short = only(await claim_jobs(store, limit=1, lease=LEASE))
        extended = only(await claim_jobs(store, limit=1, lease=LEASE))
        long = only(await claim_jobs(store, limit=1, lease=5 * LEASE))
        await store.extend_leases("A", 3 * LEASE, {}, {extended.id: extended.token})
        for leases, unfinished in (
            (0, {short.id, extended.id, long.id}),
            (1, {extended.id, long.id}),
            (2, {long.id}),
            (2, set()),
        ):
            await pass_time(leases * LEASE)
            await store.reap_jobs()
            assert {job.id for job in await store.get_jobs()} == unfinished

    async def test_waiting_job_whose_deadline_has_passed_is_recorded_as_missed(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        """A task at its limit keeps no job waiting for ever."""
        await store.add_task(make_task("full", max_running_jobs=1))
        deadline = await store.now() + timedelta(minutes=1)
        settings = {"task_id": "full", "result_expiration_time": HOUR}
        late = [make_job(start_deadline=deadline, **settings) for _ in range(3)]
        in_time = make_job(start_deadline=deadline + HOUR, **settings)
        await store.add_jobs([*late, in_time, make_job(**settings)])
        running = await claim_one_job(store)
        assert running.id == late[0].id
        await pass_time(timedelta(minutes=1, seconds=1))
        await store.extend_leases("A", HOUR, {}, {running.id: running.token})
        await store.reap_jobs()
        unfinished = {job.id for job in await store.get_jobs()}
        assert len(unfinished) == 3
        assert unfinished >= {running.id, in_time.id}
        for job in late[1:]:
            result = await store.get_job_result(job.id)
            assert result is not None
            assert result.outcome is JobOutcome.missed_start_deadline
            assert (result.started_at, result.exception) == (None, None)

    async def test_delayed_job_whose_deadline_has_passed_is_recorded_as_missed(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        now = await store.now()
        job = make_job(
            not_before=now + HOUR, start_deadline=now + SECOND, result_expiration_time=9 * HOUR
        )
        await store.add_jobs([job])
        await pass_time(2 * SECOND)
        await store.reap_jobs()
        assert await store.get_jobs() == []
        result = await store.get_job_result(job.id)
        assert result is not None
        assert result.outcome is JobOutcome.missed_start_deadline

    async def test_job_that_is_late_may_be_claimed_until_it_is_reaped(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        """Whoever claims it decides by the time of the claim."""
        await store.add_jobs([make_job(start_deadline=await store.now() + SECOND)])
        await pass_time(2 * SECOND)
        acquired = await store.acquire_jobs("A", LEASE, 1)
        job = only(acquired.items)
        assert job.start_deadline is not None
        assert acquired.at > job.start_deadline
        await store.reap_jobs()
        release = ended(job, acquired.at, JobOutcome.missed_start_deadline)
        assert await store.release_jobs("A", [release]) == set()

    async def test_reaping_where_there_is_nothing_to_reap_changes_nothing(
        self, store: DataStore
    ) -> None:
        await store.add_jobs([make_job(), make_job(start_deadline=await store.now() + HOUR)])
        await claim_jobs(store, limit=1)
        await store.reap_jobs()
        assert len(await store.get_jobs()) == 2
