"""Jobs: added (all or none), and claimed in order, within the limits of their tasks."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from rota.abc import JobFilter
from rota.model import TaskLookupError
from rota.testing._datastore._fixtures import (
    HOUR,
    LEASE,
    LONG_AGO,
    MICROSECOND,
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


class ClaimingJobs(DataStoreFixtures):
    """A job is claimed by one worker, in its turn, if its task has a free slot."""

    async def test_jobs_are_listed_in_the_order_of_their_creation(self, store: DataStore) -> None:
        """Then of their ids."""
        same = LONG_AGO + HOUR
        jobs = [make_job(id=UUID(int=n << 64), created_at=same) for n in (1, 2, 3 << 62)]
        first = make_job(created_at=same - MICROSECOND)
        await store.add_jobs([jobs[2], jobs[0], first, jobs[1]])
        assert await store.get_jobs() == [first, *jobs]

    async def test_jobs_are_selected_by_id(self, store: DataStore) -> None:
        jobs = [make_job() for _ in range(3)]
        await store.add_jobs(jobs)
        ids = [jobs[2].id, UUID(int=0), jobs[0].id, jobs[2].id]
        assert await store.get_jobs(ids) == [jobs[0], jobs[2]]

    async def test_no_ids_select_no_jobs(self, store: DataStore) -> None:
        await store.add_jobs([make_job()])
        assert await store.get_jobs([]) == []
        assert await store.get_jobs(set()) == []
        assert await store.cancel_jobs([]) == set()
        assert len(await store.get_jobs()) == 1

    async def test_unfinished_jobs_of_schedules_are_told_with_whether_they_are_held(
        self, store: DataStore
    ) -> None:
        def of(schedule_id: str, hours: int) -> Job:
            fire_time = LONG_AGO + hours * HOUR
            return make_job(schedule_id=schedule_id, scheduled_fire_time=fire_time)

        held, waiting, other = of("a", 0), of("a", 1), of("b", 2)
        await store.add_jobs([held, waiting, other, make_job()])
        claimed = only((await store.acquire_jobs("A", LEASE, 1)).items)
        assert claimed.id == held.id
        found = await store.unfinished_jobs({"a", "unknown"})
        assert {id_: jobs for id_, jobs in found.items() if jobs} == {
            "a": {held.id: True, waiting.id: False}
        }

        await store.release_jobs("A", [ended(claimed, await store.now())])
        assert await store.unfinished_jobs(["a"]) == {"a": {waiting.id: False}}
        await store.cancel_jobs([waiting.id])
        assert not (await store.unfinished_jobs(["a"])).get("a")

    async def test_job_of_an_unknown_task_is_refused(self, store: DataStore) -> None:
        with pytest.raises(TaskLookupError, match="no task with the id 'other'"):
            await store.add_jobs([make_job(), make_job(task_id="other")])
        assert await store.get_jobs() == []

    async def test_adding_no_jobs_adds_nothing(self, store: DataStore) -> None:
        await store.add_jobs([])
        assert await store.get_jobs() == []

    async def test_claimed_job_names_its_owner(self, store: DataStore) -> None:
        job = make_job(args=[1], kwargs={"x": 2})
        await store.add_jobs([job])
        before = await store.now()
        acquired = await store.acquire_jobs("A", LEASE, 10)
        assert before <= acquired.at <= await store.now()
        claimed = only(acquired.items)
        assert (claimed.id, claimed.args, claimed.kwargs) == (job.id, (1,), {"x": 2})
        assert (claimed.acquired_by, claimed.acquired_until) == ("A", acquired.at + LEASE)
        assert claimed.token > job.token
        found = only(await store.get_jobs())
        assert (found, found.token) == (claimed, claimed.token)

    async def test_each_job_is_claimed_by_one(self, store: DataStore) -> None:
        await store.add_jobs([make_job() for _ in range(100)])
        claims: Counter[UUID] = Counter()
        for turn in range(14):
            scheduler_id = "ABC"[turn % 3]
            jobs = await claim_jobs(store, scheduler_id, limit=9)
            assert {job.acquired_by for job in jobs} <= {scheduler_id}
            claims.update(job.id for job in jobs)
        assert len(claims) == 100
        assert set(claims.values()) == {1}

    async def test_limit_of_zero_claims_no_jobs(self, store: DataStore) -> None:
        await store.add_jobs([make_job()])
        assert await claim_jobs(store, limit=0) == []

    # order

    async def in_order(self, store: DataStore, *jobs: Job) -> None:
        """Add jobs in another order, and make sure that they are claimed in this one, in groups and one by one."""
        await store.add_jobs([*jobs[1::2], *jobs[::2]])
        claimed = await claim_jobs(store, limit=len(jobs) // 2)
        while more := await claim_jobs(store, limit=1):
            claimed += more
        assert [job.id for job in claimed] == [job.id for job in jobs]

    async def test_higher_priority_goes_first(self, store: DataStore) -> None:
        await store.add_task(make_task("other"))
        await self.in_order(
            store,
            *(
                make_job(priority=priority, task_id="task" if priority % 2 else "other")
                for priority in (1_000_000, 3, 2, 1, 0, -1, -2, -1_000_000)
            ),
        )

    async def test_earlier_fire_time_goes_first(self, store: DataStore) -> None:
        """Among jobs of one priority; one that is not scheduled counts from its creation."""
        await store.add_task(make_task("other"))
        await self.in_order(
            store,
            make_job(priority=1, scheduled_fire_time=LONG_AGO + 9 * HOUR),
            make_job(scheduled_fire_time=LONG_AGO - HOUR),
            make_job(scheduled_fire_time=LONG_AGO - MICROSECOND, task_id="other"),
            make_job(created_at=LONG_AGO),
            make_job(scheduled_fire_time=LONG_AGO + MICROSECOND),
            make_job(created_at=LONG_AGO + 2 * MICROSECOND, task_id="other"),
            make_job(scheduled_fire_time=LONG_AGO + HOUR),
        )

    async def test_earlier_creation_goes_first(self, store: DataStore) -> None:
        """Among jobs of one priority and one fire time."""
        await store.add_task(make_task("other"))
        await self.in_order(
            store,
            *(
                make_job(
                    created_at=LONG_AGO + number * MICROSECOND,
                    scheduled_fire_time=LONG_AGO - HOUR,
                    task_id="task" if number % 3 else "other",
                )
                for number in range(8)
            ),
        )

    # limits

    async def test_task_never_runs_more_jobs_than_its_limit(self, store: DataStore) -> None:
        await store.add_task(make_task(max_running_jobs=3))
        await store.add_jobs([make_job() for _ in range(10)])
        running: list[Job] = []
        done = 0
        while running or done < 10:
            for scheduler_id in "AB":
                running += await claim_jobs(store, scheduler_id, limit=2)
                assert len(running) <= 3
                assert (await store.get_task("task")).running_jobs == len(running)
            assert len(running) == min(3, 10 - done)
            job = running.pop(0)
            done += 1
            assert job.acquired_by is not None
            release = ended(job, await store.now())
            assert await store.release_jobs(job.acquired_by, [release]) == set()

    async def test_one_call_respects_the_limit_of_each_task(self, store: DataStore) -> None:
        limits = {"a": 1, "b": 2, "c": None, "d": 5}
        for task_id, limit in limits.items():
            await store.add_task(make_task(task_id, max_running_jobs=limit))
        await store.add_jobs([make_job(task_id="abcd"[number % 4]) for number in range(16)])
        claimed = Counter(job.task_id for job in await claim_jobs(store))
        assert claimed == {"a": 1, "b": 2, "c": 4, "d": 4}

    @pytest.mark.parametrize("tasks", [2, 40])
    async def test_jobs_of_limited_tasks_start_in_one_order(
        self, store: DataStore, tasks: int
    ) -> None:
        """Whatever the number of tasks, up to the limit of each."""
        ids = [f"task {number}" for number in range(tasks)]
        limits = {task_id: 1 + number % 3 for number, task_id in enumerate(ids)}
        for task_id in ids:
            await store.add_task(make_task(task_id, max_running_jobs=limits[task_id]))
        jobs = [
            make_job(task_id=task_id, priority=(number * 7 + copy * 5) % 11)
            for copy in range(4)
            for number, task_id in enumerate(ids)
        ]
        await store.add_jobs(jobs)
        expected = []
        for job in sorted(jobs, key=lambda job: (-job.priority, job.created_at)):
            if limits[job.task_id] > 0:
                limits[job.task_id] -= 1
                expected.append(job.id)
        first = await claim_jobs(store, limit=tasks)
        second = await claim_jobs(store, limit=4 * tasks)
        assert [job.id for job in first] == expected[:tasks]
        assert [job.id for job in second] == expected[tasks:]

    async def test_full_task_hides_no_other_task(self, store: DataStore) -> None:
        """However many of its jobs wait, and whatever their priority."""
        await store.add_task(make_task("full", max_running_jobs=1))
        await store.add_jobs([make_job(task_id="full", priority=9) for _ in range(1_000)])
        await store.add_jobs([make_job(priority=-9)])
        assert [job.task_id for job in await claim_jobs(store, limit=2)] == ["full", "task"]
        await store.add_jobs([make_job(priority=-9)])
        assert [job.task_id for job in await claim_jobs(store, limit=1)] == ["task"]

    async def test_waiting_jobs_of_a_task_at_its_limit_start_one_after_the_other(
        self, store: DataStore
    ) -> None:
        await store.add_task(make_task(max_running_jobs=1))
        jobs = [make_job() for _ in range(20)]
        await store.add_jobs(jobs)
        for job in jobs:
            claimed = await claim_one_job(store)
            assert claimed.id == job.id
            await store.release_jobs("A", [ended(claimed, await store.now())])
        assert await claim_jobs(store) == []

    # delay

    async def test_job_does_not_start_before_its_time(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        now = await store.now()
        late, early = make_job(not_before=now + HOUR), make_job(not_before=now + HOUR / 2)
        await store.add_jobs([late, early])
        assert await claim_jobs(store) == []
        await pass_time(HOUR / 2)
        assert (await claim_one_job(store)).id == early.id
        await pass_time(HOUR / 2)
        assert (await claim_one_job(store)).id == late.id

    async def test_delayed_job_takes_its_place_in_the_order(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        """The delay is over for both; what counts is their priority."""
        now = await store.now()
        jobs = [make_job(priority=n, not_before=now + (9 - n) * SECOND) for n in range(5)]
        await store.add_jobs([*jobs, make_job(priority=2, created_at=now)])
        await pass_time(timedelta(seconds=10))
        found = [job.priority for job in await claim_jobs(store)]
        assert found == [4, 3, 2, 2, 1, 0]

    async def test_time_in_the_past_is_no_delay(self, store: DataStore) -> None:
        await store.add_jobs([make_job(not_before=LONG_AGO)])
        assert len(await claim_jobs(store)) == 1

    # choice

    async def chosen(self, store: DataStore, **accept: frozenset[str]) -> list[str]:
        """Return the tasks of the jobs that a worker with such a choice claims."""
        await store.add_task(make_task("cpu", tags={"slow"}))
        await store.add_task(make_task("gpu", tags={"slow", "gpu"}, max_running_jobs=1))
        await store.add_jobs([make_job(task_id=id) for id in ("task", "cpu", "gpu", "gpu")])
        acquired = await store.acquire_jobs("A", LEASE, 10, JobFilter(**accept))
        return [job.task_id for job in acquired.items]

    @pytest.mark.parametrize(
        ("task_ids", "tags", "expected"),
        [
            ("", "", ["task", "cpu", "gpu"]),
            ("task", "", ["task"]),
            ("gpu task", "", ["task", "gpu"]),
            ("", "slow", ["cpu", "gpu"]),
            ("", "gpu other", ["gpu"]),
            ("task gpu", "slow", ["gpu"]),
            ("other", "", []),
            ("", "other", []),
        ],
        ids=["all", "task", "tasks", "tag", "tags", "both", "no-task", "no-tag"],
    )
    async def test_worker_claims_what_it_accepts(
        self, store: DataStore, task_ids: str, tags: str, expected: list[str]
    ) -> None:
        accept = {"task_ids": frozenset(task_ids.split()), "tags": frozenset(tags.split())}
        assert await self.chosen(store, **accept) == expected

    async def test_what_one_worker_does_not_accept_is_left_for_others(
        self, store: DataStore
    ) -> None:
        assert await self.chosen(store, tags=frozenset({"gpu"})) == ["gpu"]
        assert [job.task_id for job in await claim_jobs(store, "B")] == ["task", "cpu"]
