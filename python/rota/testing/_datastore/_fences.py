"""Tokens: a write of somebody whose claim is no longer current changes nothing, and says so."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from attrs import evolve

from rota.model import AbandonedPolicy, ConflictPolicy, JobRelease
from rota.testing._datastore._fixtures import (
    HOUR,
    LEASE,
    LONG_AGO,
    SECOND,
    DataStoreFixtures,
    RecordingBroker,
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
    only,
)

if TYPE_CHECKING:
    from rota.abc import Clock, DataStore
    from rota.model import Job
    from rota.testing._datastore._fixtures import PassTime


class Fencing(DataStoreFixtures):
    """Only the current claim counts; a lease that was extended is not taken over."""

    # schedules

    async def test_late_advance_is_refused(self, store: DataStore, pass_time: PassTime) -> None:
        """Its neighbour in the same call is not."""
        await add(store, make_schedule("a"), make_schedule("b"))
        late = {schedule.id: schedule for schedule in await claim_schedules(store)}
        await pass_time(LEASE)
        taken_over = only(await claim_schedules(store, "B", limit=1))
        other = "b" if taken_over.id == "a" else "a"
        refused = await store.release_schedules("A", [fire(late["a"]), fire(late["b"])])
        assert refused == {taken_over.id}
        assert [job.schedule_id for job in await store.get_jobs()] == [other]
        assert await store.release_schedules("B", [fire(taken_over)]) == set()
        jobs = await store.get_jobs()
        assert sorted(str(job.schedule_id) for job in jobs) == ["a", "b"]

    async def test_advance_of_somebody_else_is_refused(self, store: DataStore) -> None:
        """The token alone is not enough."""
        await add(store, make_schedule())
        result = fire(await claim_one_schedule(store, "A"))
        assert await store.release_schedules("B", [result]) == {"schedule"}
        assert await store.get_jobs() == []

    async def test_second_advance_is_refused(self, store: DataStore) -> None:
        await add(store, make_schedule())
        claimed = await claim_one_schedule(store)
        result = fire(claimed)
        assert await store.release_schedules("A", [result]) == set()
        again = evolve(result, jobs=[make_job(schedule_id="schedule")])
        assert await store.release_schedules("A", [again]) == {"schedule"}
        assert len(await store.get_jobs()) == 1

    async def test_advance_of_a_removed_schedule_is_refused(self, store: DataStore) -> None:
        await add(store, make_schedule())
        claimed = await claim_one_schedule(store)
        await store.remove_schedules(["schedule"])
        assert await store.release_schedules("A", [fire(claimed)]) == {"schedule"}
        assert await store.get_jobs() == []
        assert await store.get_schedules() == []

    async def test_advance_of_a_replaced_schedule_is_refused(self, store: DataStore) -> None:
        """The fire time is not lost: the replacement is due at it."""
        await add(store, make_schedule())
        claimed = await claim_one_schedule(store)
        replacement = make_schedule(args=["new"])
        await add(store, replacement, conflict_policy=ConflictPolicy.replace)
        assert await store.release_schedules("A", [fire(claimed)]) == {"schedule"}
        assert await store.get_jobs() == []
        again = await claim_one_schedule(store)
        assert (again.args, again.next_fire_time) == (("new",), LONG_AGO)

    async def test_advance_of_a_schedule_removed_and_added_again_is_refused(
        self, store: DataStore
    ) -> None:
        """Tokens do not begin anew with the id, even where the same scheduler claims it again."""
        await add(store, make_schedule())
        late = await claim_one_schedule(store)
        await store.remove_schedules(["schedule"])
        await add(store, make_schedule(args=["new"]))
        current = await claim_one_schedule(store)
        assert await store.release_schedules("A", [fire(late)]) == {"schedule"}
        assert await store.release_schedules("A", [fire(current)]) == set()
        assert len(await store.get_jobs()) == 1

    async def test_extended_claim_on_a_schedule_is_not_taken_over(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await add(store, make_schedule())
        claimed = await claim_one_schedule(store)
        for _ in range(5):
            await pass_time(LEASE - SECOND)
            assert not await store.extend_leases("A", LEASE, {"schedule": claimed.token}, {})
            assert await claim_schedules(store, "B") == []
        found = only(await store.get_schedules())
        assert found.acquired_until is not None
        assert found.acquired_until > await store.now()
        assert await store.release_schedules("A", [fire(claimed)]) == set()

    async def test_lost_claims_on_schedules_are_named(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await add(store, *(make_schedule(id) for id in ("gone", "taken", "held")))
        claimed = {schedule.id: schedule.token for schedule in await claim_schedules(store)}
        await store.remove_schedules(["gone"])
        await store.extend_leases("A", 3 * LEASE, {"held": claimed["held"]}, {})
        await pass_time(LEASE)
        assert (await claim_one_schedule(store, "B")).id == "taken"
        lost = await store.extend_leases("A", LEASE, {**claimed, "never was": 7}, {})
        assert lost.schedule_ids == {"gone", "taken", "never was"}
        assert lost.job_ids == set()

    # jobs

    async def taken_over(self, store: DataStore, pass_time: PassTime) -> tuple[Job, Job]:
        """Return a job as it was claimed by A, whose lease ended, and as B holds it now."""
        await store.add_task(make_task(abandoned=AbandonedPolicy.run_again, max_running_jobs=1))
        await store.add_jobs([make_job(result_expiration_time=HOUR)])
        late = await claim_one_job(store, "A")
        await pass_time(LEASE)
        await store.reap_jobs()
        current = await claim_one_job(store, "B")
        assert current.id == late.id
        assert current.token > late.token
        return late, current

    async def test_late_result_is_refused(self, store: DataStore, pass_time: PassTime) -> None:
        late, current = await self.taken_over(store, pass_time)
        release = ended(late, await store.now(), return_value="late")
        assert await store.release_jobs("A", [release]) == {late.id}
        assert await store.get_job_result(late.id) is None
        assert (await store.get_task("task")).running_jobs == 1
        release = ended(current, await store.now(), return_value="right")
        assert await store.release_jobs("B", [release]) == set()
        result = await store.get_job_result(late.id)
        assert result is not None
        assert result.return_value == "right"
        assert (await store.get_task("task")).running_jobs == 0

    async def test_late_handing_back_is_refused(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        late, current = await self.taken_over(store, pass_time)
        assert await store.release_jobs("A", [JobRelease(job=late)]) == {late.id}
        assert await claim_jobs(store, "C") == []
        assert not await store.extend_leases("B", LEASE, {}, {current.id: current.token})

    async def test_late_extension_is_refused(self, store: DataStore, pass_time: PassTime) -> None:
        late, current = await self.taken_over(store, pass_time)
        lost = await store.extend_leases("A", 10 * LEASE, {}, {late.id: late.token})
        assert lost.job_ids == {late.id}
        found = only(await store.get_jobs())
        assert (found.acquired_by, found.acquired_until) == ("B", current.acquired_until)

    async def test_result_of_somebody_else_is_refused(self, store: DataStore) -> None:
        await store.add_jobs([make_job()])
        job = await claim_one_job(store, "A")
        assert await store.release_jobs("B", [ended(job, await store.now())]) == {job.id}
        assert len(await store.get_jobs()) == 1

    async def test_second_result_is_refused(self, store: DataStore) -> None:
        """The first one stands, and the slot is given back once."""
        await store.add_jobs([make_job(result_expiration_time=HOUR), make_job()])
        job, _other = await claim_jobs(store)
        await store.release_jobs("A", [ended(job, await store.now(), return_value=1)])
        release = ended(job, await store.now(), return_value=2)
        assert await store.release_jobs("A", [release]) == {job.id}
        result = await store.get_job_result(job.id)
        assert result is not None
        assert result.return_value == 1
        assert (await store.get_task("task")).running_jobs == 1

    async def test_refused_release_leaves_its_neighbours(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        late, _current = await self.taken_over(store, pass_time)
        await store.add_task(make_task("other"))
        await store.add_jobs([make_job(task_id="other")])
        job = await claim_one_job(store, "A")
        now = await store.now()
        assert await store.release_jobs("A", [ended(late, now), ended(job, now)]) == {late.id}
        assert [each.id for each in await store.get_jobs()] == [late.id]

    async def test_extended_claim_on_a_job_is_not_taken_over(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await store.add_jobs([make_job()])
        job = await claim_one_job(store)
        for _ in range(5):
            await pass_time(LEASE - SECOND)
            assert not await store.extend_leases("A", LEASE, {}, {job.id: job.token})
            await store.reap_jobs()
        assert await store.release_jobs("A", [ended(job, await store.now())]) == set()

    async def test_ended_lease_that_nobody_took_can_be_extended(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        """A machine that was suspended for an hour asks for its leases first."""
        await add(store, make_schedule())
        await store.add_jobs([make_job()])
        schedule, job = await claim_one_schedule(store), await claim_one_job(store)
        await pass_time(HOUR)
        tokens = {schedule.id: schedule.token}, {job.id: job.token}
        assert not await store.extend_leases("A", LEASE, *tokens)
        await store.reap_jobs()
        assert await claim_schedules(store, "B") == []
        assert await claim_jobs(store, "B") == []
        assert await store.release_schedules("A", [fire(schedule)]) == set()
        assert await store.release_jobs("A", [ended(job, await store.now())]) == set()

    async def test_lost_claims_on_jobs_are_named(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await store.add_jobs([make_job() for _ in range(3)])
        done, lost, held = await claim_jobs(store)
        await store.release_jobs("A", [ended(done, await store.now())])
        await store.extend_leases("A", 3 * LEASE, {}, {held.id: held.token})
        await pass_time(LEASE)
        await store.reap_jobs()
        tokens = {job.id: job.token for job in (done, lost, held)}
        answer = await store.extend_leases("A", LEASE, {}, {**tokens, UUID(int=0): 7})
        assert answer.job_ids == {done.id, lost.id, UUID(int=0)}
        assert bool(answer)

    async def test_two_incarnations_of_one_identity_are_two(self, store: DataStore) -> None:
        """What one holds is not touched by what the other does."""
        await store.add_jobs([make_job(), make_job()])
        first = only(await claim_jobs(store, "node:1", limit=1))
        second = await claim_one_job(store, "node:2")
        lost = await store.extend_leases(
            "node:2", LEASE, {}, {first.id: first.token, second.id: second.token}
        )
        assert lost.job_ids == {first.id}
        assert await store.cancelled_jobs("node:2") == set()
        assert not await store.extend_leases("node:1", LEASE, {}, {first.id: first.token})

    async def test_extending_nothing_loses_nothing(self, store: DataStore) -> None:
        assert not await store.extend_leases("A", timedelta(seconds=1), {}, {})

    async def test_leases_are_extended_through_the_second_handle(
        self, store: DataStore, clock: Clock, pass_time: PassTime
    ) -> None:
        """Where the store offers one; else through the store itself."""
        handle = store.lease_handle() or store
        async with AsyncExitStack() as exit_stack:
            if handle is not store:
                await handle.start(exit_stack, RecordingBroker(), logging.getLogger("rota"), clock)
            await store.add_jobs([make_job()])
            job = await claim_one_job(store)
            await pass_time(LEASE - SECOND)
            assert not await handle.extend_leases("A", LEASE, {}, {job.id: job.token})
            await pass_time(LEASE - SECOND)
            await store.reap_jobs()
            assert await store.release_jobs("A", [ended(job, await store.now())]) == set()
