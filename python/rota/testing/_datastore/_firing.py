"""Schedules that are due: claimed by one scheduler, advanced together with their jobs."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve

from rota.model import JobOutcome, ScheduleResult
from rota.testing._datastore._fixtures import (
    HOUR,
    LEASE,
    LONG_AGO,
    MICROSECOND,
    SECOND,
    DataStoreFixtures,
    add,
    claim_one_job,
    claim_one_schedule,
    claim_schedules,
    ended,
    fire,
    make_job,
    make_schedule,
    only,
)

if TYPE_CHECKING:
    from datetime import datetime

    from rota.abc import DataStore
    from rota.model import Job
    from rota.testing._datastore._fixtures import PassTime

MINUTE = timedelta(minutes=1)


def job_for(fire_time: datetime, *, jitter: timedelta = timedelta(0)) -> Job:
    """Make a job of the schedule for a fire time."""
    scheduled = fire_time + jitter if jitter else fire_time  # a sum would forget which pass it is
    return make_job(schedule_id="schedule", scheduled_fire_time=scheduled, jitter=jitter)


async def go_back(store: DataStore, to: datetime = LONG_AGO) -> None:
    """Make the schedule due at a time that it was processed for already."""
    schedule = only(await store.get_schedules())
    trigger = make_schedule(due=to).trigger
    assert await store.update_schedule(evolve(schedule, trigger=trigger, next_fire_time=to))


class FiringSchedules(DataStoreFixtures):
    """What is due is claimed by one; its jobs and its advance are one step."""

    async def test_due_schedule_is_claimed(self, store: DataStore) -> None:
        await add(store, make_schedule(args=[1]))
        before = await store.now()
        acquired = await store.acquire_schedules("A", LEASE, 10)
        after = await store.now()
        schedule = only(acquired.items)
        assert before <= acquired.at <= after
        assert (schedule.id, schedule.args, schedule.next_fire_time) == ("schedule", (1,), LONG_AGO)
        assert schedule.acquired_by == "A"
        assert schedule.acquired_until == acquired.at + LEASE
        assert schedule.trigger.next() == LONG_AGO + HOUR

    async def test_claim_is_seen_by_others(self, store: DataStore) -> None:
        await add(store, make_schedule())
        claimed = await claim_one_schedule(store)
        found = only(await store.get_schedules())
        assert found == claimed
        assert found.token == claimed.token

    async def test_longest_overdue_is_claimed_first(self, store: DataStore) -> None:
        hours = {"c": 3, "a": 1, "d": 4, "b": 2}
        await add(store, *(make_schedule(id, LONG_AGO + hours[id] * HOUR) for id in hours))
        claimed = [only(await claim_schedules(store, limit=1)).id for _ in range(4)]
        assert claimed == ["a", "b", "c", "d"]

    async def test_schedule_is_claimed_once_it_is_due(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await add(store, make_schedule(due=await store.now() + MINUTE))
        assert await claim_schedules(store) == []
        await pass_time(MINUTE - SECOND)
        assert await claim_schedules(store) == []
        await pass_time(SECOND)
        assert len(await claim_schedules(store)) == 1

    async def test_schedule_is_claimed_ahead_if_that_is_asked_for(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        """Others cannot claim it when it is due, and its job and its advance count as ever."""
        now = await store.now()
        due = {"overdue": LONG_AGO, "soon": now + HOUR, "later": now + 3 * HOUR}
        await add(store, *(make_schedule(id, time) for id, time in due.items()))
        acquired = await store.acquire_schedules("A", 9 * HOUR, 10, 2 * HOUR)
        assert [schedule.id for schedule in acquired.items] == ["overdue", "soon"]
        assert acquired.at < due["soon"]
        await pass_time(HOUR)
        assert await claim_schedules(store, "B") == []
        soon = acquired.items[1]
        job = job_for(due["soon"])
        assert (
            await store.release_schedules("A", [fire(soon, evolve(job, schedule_id="soon"))])
            == set()
        )
        assert only(await store.get_jobs()).scheduled_fire_time == due["soon"]
        following = only(await store.get_schedules({"soon"})).next_fire_time
        assert following == due["soon"] + HOUR

    @pytest.mark.parametrize("fired_before", [True, False])
    async def test_schedule_that_is_handed_back_is_claimed_again_as_it_was(
        self, store: DataStore, fired_before: bool
    ) -> None:
        """Whoever hands one back gives the trigger as it is stored, not the one that was claimed, which has moved."""
        await add(store, make_schedule())
        if fired_before:
            await store.release_schedules("A", [fire(await claim_one_schedule(store))])
        claimed = await claim_one_schedule(store)
        claimed.trigger.next()
        stored = only(await store.get_schedules())
        unchanged = ScheduleResult(
            schedule_id=stored.id,
            task_id=stored.task_id,
            trigger=stored.trigger,
            last_fire_time=stored.last_fire_time,
            next_fire_time=stored.next_fire_time,
            token=claimed.token,
        )
        assert await store.release_schedules("A", [unchanged]) == set()
        again = await claim_one_schedule(store, "B")
        assert (again.next_fire_time, again.last_fire_time) == (
            stored.next_fire_time,
            LONG_AGO if fired_before else None,
        )
        assert again.trigger.next() == stored.trigger.next()
        assert len(await store.get_jobs()) == fired_before

    @pytest.mark.parametrize("change", ["pause", "remove"])
    async def test_schedule_that_is_changed_after_it_was_claimed_ahead_does_not_fire(
        self, store: DataStore, change: str
    ) -> None:
        due = await store.now() + HOUR
        await add(store, make_schedule(due=due))
        (claimed,) = (await store.acquire_schedules("A", 9 * HOUR, 10, 2 * HOUR)).items
        if change == "remove":
            await store.remove_schedules({"schedule"})
        else:
            stored = only(await store.get_schedules())
            assert await store.update_schedule(evolve(stored, paused=True))
        assert await store.release_schedules("A", [fire(claimed, job_for(due))]) == {"schedule"}
        assert await store.get_jobs() == []

    async def test_paused_schedule_is_not_claimed(self, store: DataStore) -> None:
        await add(store, make_schedule("a", paused=True), make_schedule("b"))
        assert [schedule.id for schedule in await claim_schedules(store)] == ["b"]
        (paused,) = await store.get_schedules(["a"])
        await store.update_schedule(evolve(paused, paused=False))
        assert [schedule.id for schedule in await claim_schedules(store)] == ["a"]

    async def test_schedule_without_fire_time_is_not_claimed(self, store: DataStore) -> None:
        await add(store, make_schedule(next_fire_time=None))
        assert await claim_schedules(store) == []

    async def test_limit_of_zero_claims_nothing(self, store: DataStore) -> None:
        await add(store, make_schedule())
        assert await claim_schedules(store, limit=0) == []

    async def test_each_schedule_is_claimed_by_one(self, store: DataStore) -> None:
        await add(store, *(make_schedule(f"{number}") for number in range(100)))
        claimed: dict[str, str] = {}
        for turn in range(12):
            scheduler_id = "ABC"[turn % 3]
            for schedule in await claim_schedules(store, scheduler_id, limit=9):
                assert schedule.id not in claimed
                claimed[schedule.id] = scheduler_id
        assert len(claimed) == 100
        assert set(claimed.values()) == set("ABC")

    async def test_claim_of_a_lost_scheduler_is_taken_over_when_its_lease_ends(
        self, store: DataStore, pass_time: PassTime
    ) -> None:
        await add(store, make_schedule())
        first = await claim_one_schedule(store)
        first.trigger.next()
        await pass_time(LEASE - SECOND)
        assert await claim_schedules(store, "B") == []
        await pass_time(SECOND)
        second = await claim_one_schedule(store, "B")
        assert second.acquired_by == "B"
        assert second.token > first.token
        assert second.next_fire_time == LONG_AGO
        assert second.trigger.next() == LONG_AGO + HOUR

    # advancing

    async def test_release_adds_the_job_and_advances_the_schedule(self, store: DataStore) -> None:
        await add(store, make_schedule())
        claimed = await claim_one_schedule(store)
        job = job_for(LONG_AGO)
        assert await store.release_schedules("A", [fire(claimed, job)]) == set()
        assert await store.get_jobs() == [job]
        found = only(await store.get_schedules())
        assert (found.last_fire_time, found.next_fire_time) == (LONG_AGO, LONG_AGO + HOUR)
        assert (found.acquired_by, found.acquired_until) == (None, None)
        assert found.token > claimed.token
        assert found.trigger.next() == LONG_AGO + 2 * HOUR

    async def test_released_schedule_is_claimed_again_when_due(self, store: DataStore) -> None:
        await add(store, make_schedule())
        for hour in range(5):
            schedule = await claim_one_schedule(store)
            assert schedule.next_fire_time == LONG_AGO + hour * HOUR
            await store.release_schedules("A", [fire(schedule)])
        times = [job.scheduled_fire_time for job in await store.get_jobs()]
        assert times == [LONG_AGO + hour * HOUR for hour in range(5)]

    async def test_many_schedules_are_released_at_once(self, store: DataStore) -> None:
        ids = [f"{number:04}" for number in range(2_500)]
        await add(store, *map(make_schedule, ids))
        claimed = await claim_schedules(store, limit=5_000)
        assert [schedule.id for schedule in sorted(claimed, key=lambda each: each.id)] == ids
        assert await store.release_schedules("A", [fire(schedule) for schedule in claimed]) == set()
        jobs = await store.get_jobs()
        assert sorted(str(job.schedule_id) for job in jobs) == ids
        assert await claim_schedules(store, limit=1) != []

    async def test_schedule_may_give_several_jobs_or_none(self, store: DataStore) -> None:
        await add(store, make_schedule("a"), make_schedule("b"))
        first, second = sorted(await claim_schedules(store), key=lambda schedule: schedule.id)
        times = [LONG_AGO + number * SECOND for number in range(50)]
        several = [make_job(schedule_id="a", scheduled_fire_time=time) for time in times]
        results = [fire(first, *several), fire(second, jobs=())]
        assert await store.release_schedules("A", results) == set()
        assert [job.scheduled_fire_time for job in await store.get_jobs()] == times
        assert len(await claim_schedules(store)) == 2

    async def test_finished_schedule_is_removed(self, store: DataStore) -> None:
        await add(store, make_schedule())
        schedule = await claim_one_schedule(store)
        await store.release_schedules("A", [fire(schedule, next_fire_time=None)])
        assert await store.get_schedules() == []
        assert len(await store.get_jobs()) == 1

    async def test_schedule_paused_before_the_claim_ends_stays_paused(
        self, store: DataStore
    ) -> None:
        await add(store, make_schedule())
        claimed = await claim_one_schedule(store)
        found = only(await store.get_schedules())
        assert await store.update_schedule(evolve(found, paused=True))
        assert await store.release_schedules("A", [fire(claimed)]) == {"schedule"}
        found = only(await store.get_schedules())
        assert (found.paused, found.next_fire_time) == (True, LONG_AGO)

    # one fire time, one job

    async def test_fire_time_gets_no_second_job(self, store: DataStore) -> None:
        """Even where the schedule is moved back to it; it still advances."""
        await add(store, make_schedule())
        job = job_for(LONG_AGO)
        await store.release_schedules("A", [fire(await claim_one_schedule(store), job)])
        await go_back(store)
        result = fire(await claim_one_schedule(store), job_for(LONG_AGO))
        assert await store.release_schedules("A", [result]) == set()
        assert await store.get_jobs() == [job]
        assert only(await store.get_schedules()).next_fire_time == LONG_AGO + HOUR

    async def test_fire_time_that_is_taken_leaves_the_others(self, store: DataStore) -> None:
        await add(store, make_schedule())
        first = job_for(LONG_AGO + SECOND)
        await store.release_schedules("A", [fire(await claim_one_schedule(store), first)])
        await go_back(store)
        jobs = [job_for(LONG_AGO + number * SECOND) for number in range(3)]
        await store.release_schedules("A", [fire(await claim_one_schedule(store), *jobs)])
        assert {job.id for job in await store.get_jobs()} == {jobs[0].id, first.id, jobs[2].id}

    async def test_fire_time_twice_in_one_release_gives_one_job(self, store: DataStore) -> None:
        await add(store, make_schedule())
        jobs = [job_for(LONG_AGO), job_for(LONG_AGO)]
        await store.release_schedules("A", [fire(await claim_one_schedule(store), *jobs)])
        assert len(await store.get_jobs()) == 1

    async def test_fire_time_of_another_schedule_is_another(self, store: DataStore) -> None:
        await add(store, make_schedule("a"), make_schedule("b"))
        await store.release_schedules("A", [fire(each) for each in await claim_schedules(store)])
        assert len(await store.get_jobs()) == 2

    async def test_jitter_does_not_make_another_fire_time(self, store: DataStore) -> None:
        await add(store, make_schedule())
        job = job_for(LONG_AGO, jitter=SECOND)
        await store.release_schedules("A", [fire(await claim_one_schedule(store), job)])
        await go_back(store)
        again = [job_for(LONG_AGO, jitter=3 * MICROSECOND), job_for(LONG_AGO + SECOND)]
        await store.release_schedules("A", [fire(await claim_one_schedule(store), *again)])
        assert {each.id for each in await store.get_jobs()} == {job.id, again[1].id}

    async def test_repeated_wall_time_is_two_fire_times(self, store: DataStore) -> None:
        """02:30 in Berlin occurs twice when summer time ends; the same instant in another zone is the same."""
        await add(store, make_schedule())
        first = LONG_AGO.replace(month=10, day=25, hour=0, minute=30, second=0, microsecond=0)
        berlin = ZoneInfo("Europe/Berlin")
        passes = [first.astimezone(berlin), (first + HOUR).astimezone(berlin)]
        assert passes[0].replace(tzinfo=None) == passes[1].replace(tzinfo=None)
        jobs = [job_for(time) for time in (*passes, first, first + HOUR)]
        await store.release_schedules("A", [fire(await claim_one_schedule(store), *jobs)])
        assert {job.id for job in await store.get_jobs()} == {jobs[0].id, jobs[1].id}
        found = sorted(
            job.scheduled_fire_time.astimezone(timezone.utc)
            for job in await store.get_jobs()
            if job.scheduled_fire_time
        )
        assert found == [first, first + HOUR]

    @pytest.mark.parametrize("kept", [True, False], ids=["kept-result", "no-result"])
    async def test_fire_time_is_taken_as_long_as_the_result_is_kept(
        self, store: DataStore, pass_time: PassTime, kept: bool
    ) -> None:
        await add(store, make_schedule())
        expiration = MINUTE if kept else timedelta(0)
        job = evolve(job_for(LONG_AGO), result_expiration_time=expiration)
        await store.release_schedules("A", [fire(await claim_one_schedule(store), job)])
        job = await claim_one_job(store)
        await store.release_jobs("A", [ended(job, await store.now(), JobOutcome.success)])
        await go_back(store)
        again = [job_for(LONG_AGO)]
        await store.release_schedules("A", [fire(await claim_one_schedule(store), *again)])
        assert await store.get_jobs() == ([] if kept else again)
        await pass_time(MINUTE + SECOND)
        await store.cleanup()
        await go_back(store)
        await store.release_schedules("A", [fire(await claim_one_schedule(store), *again)])
        assert await store.get_jobs() == again
