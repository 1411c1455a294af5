"""Jobs that end: results, another attempt, handing back, cancelling."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import attrs
import pytest

from rota.model import JobOutcome, JobRelease, JobResult
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
    from rota.model import Job
    from rota.testing._datastore._fixtures import PassTime

MINUTE = timedelta(minutes=1)


async def the_result(store: DataStore, job_id: UUID) -> JobResult:
    """Return the result of a job, which must be there."""
    result = await store.get_job_result(job_id)
    assert result is not None
    return result


class EndingJobs(DataStoreFixtures):
    """A released job has ended, or waits again."""

    async def test_released_job_is_gone(self, store: DataStore) -> None:
        await store.add_jobs([make_job() for _ in range(5)])
        jobs = await claim_jobs(store)
        now = await store.now()
        releases = [
            ended(job, now, outcome) for job, outcome in zip(jobs, JobOutcome, strict=False)
        ]
        assert await store.release_jobs("A", releases) == set()
        assert await store.get_jobs() == []
        assert await claim_jobs(store) == []

    async def test_releasing_nothing_changes_nothing(self, store: DataStore) -> None:
        assert await store.release_jobs("A", []) == set()

    async def test_many_jobs_are_released_at_once(self, store: DataStore) -> None:
        await store.add_task(make_task(max_running_jobs=2_500))
        await store.add_jobs([make_job(result_expiration_time=HOUR) for _ in range(3_000)])
        jobs = await claim_jobs(store, limit=5_000)
        assert len(jobs) == 2_500
        now = await store.now()
        assert await store.release_jobs("A", [ended(job, now) for job in jobs]) == set()
        assert len(await claim_jobs(store)) == 500
        assert (await the_result(store, jobs[-1].id)).outcome is JobOutcome.success

    async def test_jobs_of_different_attempts_are_released_at_once(self, store: DataStore) -> None:
        """Their claims have different tokens, and each counts for its own job only."""
        jobs: list[Job] = []
        for number in range(1, 7):
            await store.add_jobs([make_job(result_expiration_time=HOUR)])
            for _ in range(number):
                handed_back = [JobRelease(job=job) for job in await claim_jobs(store)]
                assert await store.release_jobs("A", handed_back) == set()
        jobs = await claim_jobs(store)
        assert len({job.token for job in jobs}) == len(jobs) == 6
        now = await store.now()
        swapped = [
            ended(attrs.evolve(job, token=other.token), now)
            for job, other in zip(jobs, jobs[1:] + jobs[:1], strict=True)
        ]
        assert await store.release_jobs("A", swapped) == {job.id for job in jobs}
        assert await store.release_jobs("A", [ended(job, now) for job in jobs]) == set()
        assert await store.get_jobs() == []
        assert (await the_result(store, jobs[0].id)).outcome is JobOutcome.success

    @pytest.mark.parametrize("current_first", [True, False])
    async def test_of_two_claims_of_a_job_the_current_one_counts(
        self, store: DataStore, current_first: bool
    ) -> None:
        """Both may end together: an attempt whose lease was lost, and the one that has followed it."""
        await store.add_jobs([make_job(result_expiration_time=HOUR)])
        old = await claim_one_job(store)
        assert await store.release_jobs("A", [JobRelease(job=old)]) == set()
        current = await claim_one_job(store)
        now = await store.now()
        releases = [ended(old, now, JobOutcome.error), ended(current, now)]
        refused = await store.release_jobs("A", releases[::-1] if current_first else releases)
        assert refused == {old.id}
        assert await store.get_jobs() == []
        assert (await the_result(store, old.id)).outcome is JobOutcome.success

    async def test_results_may_make_room_for_the_next_claim(self, store: DataStore) -> None:
        """A store that does both in one transaction sees the slots that are free by then; others leave the claim."""
        await store.add_task(make_task(max_running_jobs=2))
        await store.add_jobs([make_job(result_expiration_time=HOUR) for _ in range(5)])
        first, second = await claim_jobs(store)
        releases = [ended(job, await store.now()) for job in (first, second)]
        refused, acquired = await store.exchange_jobs("A", releases, LEASE, 10)
        jobs = await claim_jobs(store) if acquired is None else acquired.items
        assert (refused, len(jobs)) == (set(), 2)
        assert await store.get_job_result(second.id) is not None
        refused, _ = await store.exchange_jobs("A", releases, LEASE, 0)
        assert refused == {first.id, second.id}

    # results

    async def test_result_comes_back_as_it_was_recorded(self, store: DataStore) -> None:
        await store.add_jobs([make_job(result_expiration_time=HOUR)])
        job = await claim_one_job(store)
        now = await store.now()
        release = ended(
            job,
            now,
            started_at=now - timedelta(seconds=5, microseconds=1),
            return_value={"é": [1, 2.5, None, b"\0"]},
        )
        await store.release_jobs("A", [release])
        assert await store.get_job_result(job.id) == release.result

    async def test_exception_comes_back(self, store: DataStore) -> None:
        await store.add_jobs([make_job(result_expiration_time=HOUR)])
        job = await claim_one_job(store)
        error = ValueError("it must not be", 5)
        await store.release_jobs(
            "A", [ended(job, await store.now(), JobOutcome.error, exception=error)]
        )
        result = await the_result(store, job.id)
        assert (result.outcome, result.return_value) == (JobOutcome.error, None)
        assert isinstance(result.exception, ValueError)
        assert result.exception.args == error.args

    async def test_result_that_is_not_to_be_kept_is_not(self, store: DataStore) -> None:
        await store.add_jobs([make_job()])
        job = await claim_one_job(store)
        await store.release_jobs("A", [ended(job, await store.now())])
        assert await store.get_job_result(job.id) is None

    async def test_unfinished_job_has_no_result(self, store: DataStore) -> None:
        await store.add_jobs([make_job(result_expiration_time=HOUR)])
        job = await claim_one_job(store)
        assert await store.get_job_result(job.id) is None
        assert await store.get_job_result(UUID(int=0)) is None

    async def test_results_are_removed_when_their_time_is_up(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        times = [MINUTE, HOUR, MINUTE]
        await store.add_jobs([make_job(result_expiration_time=time) for time in times])
        jobs = await claim_jobs(store)
        now = await store.now()
        await store.release_jobs("A", [ended(job, now) for job in jobs])
        await pass_time(MINUTE - SECOND)
        await store.cleanup()
        assert [(await the_result(store, job.id)).job_id for job in jobs] == [j.id for j in jobs]
        await pass_time(2 * SECOND)
        assert await store.get_job_result(jobs[0].id) is None  # whether or not it is still there
        await store.cleanup()
        kept = [job.id for job in jobs if await store.get_job_result(job.id) is not None]
        assert kept == [jobs[1].id]

    # another attempt

    async def test_job_that_failed_runs_again_after_a_pause(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        """The slot is free meanwhile. The start deadline was for the first attempt."""
        await store.add_task(make_task(max_running_jobs=1))
        now = await store.now()
        await store.add_jobs(
            [make_job(result_expiration_time=HOUR, start_deadline=now + MINUTE), make_job()]
        )
        job = await claim_one_job(store)
        release = ended(job, now, JobOutcome.error, exception=OSError(), run_again_after=HOUR)
        before = await store.now()
        assert await store.release_jobs("A", [release]) == set()
        assert await store.get_job_result(job.id) is None
        (again,) = await store.get_jobs([job.id])
        assert (again.attempt, again.acquired_by, again.start_deadline) == (2, None, None)
        assert again.not_before is not None
        assert before + HOUR <= again.not_before <= await store.now() + HOUR
        assert (await claim_one_job(store)).id != job.id
        await store.reap_jobs()
        await store.release_jobs("A", [ended(await self.the_running_job(store), now)])
        await pass_time(HOUR - SECOND)
        assert await claim_jobs(store) == []
        await pass_time(SECOND)
        await store.reap_jobs()
        again = await claim_one_job(store)
        assert (again.id, again.attempt) == (job.id, 2)
        assert again.token > job.token
        await store.release_jobs("A", [ended(again, await store.now())])
        assert (await the_result(store, job.id)).attempt == 2

    async def the_running_job(self, store: DataStore) -> Job:
        """Return the one job that is claimed."""
        return only([job for job in await store.get_jobs() if job.acquired_by])

    async def test_job_that_is_handed_back_waits_again(self, store: DataStore) -> None:
        """It was not run: its attempt and its deadline stay."""
        deadline = await store.now() + HOUR
        await store.add_jobs([make_job(start_deadline=deadline)])
        job = await claim_one_job(store, "A")
        assert await store.release_jobs("A", [JobRelease(job=job)]) == set()
        assert (await store.get_task("task")).running_jobs == 0
        again = await claim_one_job(store, "B")
        assert (again.id, again.attempt, again.start_deadline) == (job.id, 1, deadline)
        assert again.token > job.token

    async def test_job_that_is_handed_back_for_later_waits_until_then(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await store.add_jobs([make_job()])
        job = await claim_one_job(store)
        await store.release_jobs("A", [JobRelease(job=job, run_again_after=MINUTE)])
        assert await claim_jobs(store) == []
        await pass_time(MINUTE)
        assert (await claim_one_job(store)).attempt == 1

    # cancelling

    async def test_waiting_job_ends_when_it_is_cancelled(self, store: DataStore) -> None:
        later = await store.now() + HOUR
        jobs = [make_job(result_expiration_time=HOUR), make_job(not_before=later), make_job()]
        await store.add_jobs(jobs)
        cancelled = {jobs[0].id, jobs[1].id}
        assert await store.cancel_jobs([*cancelled, UUID(int=0)]) == cancelled
        assert await store.get_jobs() == [jobs[2]]
        assert (await claim_one_job(store)).id == jobs[2].id
        result = await the_result(store, jobs[0].id)
        assert (result.outcome, result.started_at) == (JobOutcome.cancelled, None)
        assert result.expires_at - result.finished_at == HOUR
        assert await store.get_job_result(jobs[1].id) is None
        assert await store.cancel_jobs(cancelled) == set()

    async def test_worker_learns_that_its_job_is_cancelled(self, store: DataStore) -> None:
        await store.add_jobs([make_job() for _ in range(3)])
        mine = only(await claim_jobs(store, "A", limit=1))
        theirs = only(await claim_jobs(store, "B", limit=1))
        assert await store.cancelled_jobs("A") == set()
        assert await store.cancel_jobs([mine.id, theirs.id]) == {mine.id, theirs.id}
        assert await store.cancelled_jobs("A") == {mine.id}
        assert await store.cancelled_jobs("B") == {theirs.id}
        assert len(await store.get_jobs()) == 3
        release = ended(mine, await store.now(), JobOutcome.cancelled)
        assert await store.release_jobs("A", [release]) == set()
        assert await store.cancelled_jobs("A") == set()
        assert await store.cancel_jobs([mine.id]) == set()

    async def test_cancelled_job_may_still_succeed(self, store: DataStore) -> None:
        await store.add_jobs([make_job(result_expiration_time=HOUR)])
        job = await claim_one_job(store)
        await store.cancel_jobs([job.id])
        await store.release_jobs("A", [ended(job, await store.now(), return_value=1)])
        result = await the_result(store, job.id)
        assert (result.outcome, result.return_value) == (JobOutcome.success, 1)

    @pytest.mark.parametrize("failed", [True, False], ids=["another-attempt", "handed-back"])
    async def test_cancelled_job_does_not_wait_again(self, store: DataStore, failed: bool) -> None:
        await store.add_jobs([make_job(result_expiration_time=HOUR)])
        job = await claim_one_job(store)
        await store.cancel_jobs([job.id])
        release = JobRelease(job=job, run_again_after=SECOND)
        if failed:
            release = ended(job, await store.now(), JobOutcome.error, run_again_after=SECOND)
        assert await store.release_jobs("A", [release]) == set()
        assert await store.get_jobs() == []
        expected = JobOutcome.error if failed else JobOutcome.cancelled
        assert (await the_result(store, job.id)).outcome is expected
