"""Schedules: added (all or none), replaced, listed, updated, removed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from rota._environment import use_clock
from rota.model import ConflictingIdError, ConflictPolicy, TaskLookupError
from rota.testing._clock import VirtualClock
from rota.testing._datastore._fixtures import (
    HOUR,
    LONG_AGO,
    DataStoreFixtures,
    add,
    claim_one_schedule,
    claim_schedules,
    fire,
    make_schedule,
    only,
)
from rota.triggers import CronTrigger, IntervalTrigger

if TYPE_CHECKING:
    from rota.abc import DataStore
    from rota.model import Schedule


async def the_schedule(store: DataStore) -> Schedule:
    """Return the one schedule that there is."""
    return only(await store.get_schedules())


class AddingSchedules(DataStoreFixtures):
    """Adding is all or nothing; what is replaced keeps its place in time."""

    async def test_added_schedules_are_listed_in_the_order_of_their_ids(
        self, store: DataStore
    ) -> None:
        await add(store, *(make_schedule(id) for id in ("b", "é", "B", "a")))
        assert [schedule.id for schedule in await store.get_schedules()] == ["B", "a", "b", "é"]

    async def test_adding_nothing_changes_nothing(self, store: DataStore) -> None:
        await add(store)
        assert await store.get_schedules() == []

    async def test_schedules_are_selected_by_id(self, store: DataStore) -> None:
        await add(store, *(make_schedule(id) for id in "abc"))
        found = await store.get_schedules(["c", "x", "a", "c"])
        assert [schedule.id for schedule in found] == ["a", "c"]

    async def test_no_ids_select_nothing(self, store: DataStore) -> None:
        await add(store, make_schedule())
        assert await store.get_schedules([]) == []
        assert await store.get_schedules(set()) == []

    async def test_many_schedules_are_added_and_selected(self, store: DataStore) -> None:
        """More than a database takes as parameters of one statement."""
        ids = [f"{number:05}" for number in range(2_500)]
        await add(store, *map(make_schedule, ids))
        assert [schedule.id for schedule in await store.get_schedules(ids)] == ids
        await store.remove_schedules(ids[1:])
        assert (await the_schedule(store)).id == ids[0]

    async def test_taken_id_is_refused(self, store: DataStore) -> None:
        await add(store, make_schedule("a", args=[1]))
        with pytest.raises(ConflictingIdError, match="'a' exists already"):
            await add(store, make_schedule("b"), make_schedule("a", args=[2]), make_schedule("c"))
        assert (await the_schedule(store)).args == (1,)

    async def test_taken_id_is_passed_over(self, store: DataStore) -> None:
        await add(store, make_schedule("a", args=[1]))
        schedules = [make_schedule("a", args=[2]), make_schedule("b", args=[2])]
        await add(store, *schedules, conflict_policy=ConflictPolicy.do_nothing)
        found = {schedule.id: schedule.args for schedule in await store.get_schedules()}
        assert found == {"a": (1,), "b": (2,)}

    async def test_same_id_twice_in_one_call_is_a_conflict(self, store: DataStore) -> None:
        with pytest.raises(ConflictingIdError):
            await add(store, make_schedule("a", args=[1]), make_schedule("a", args=[2]))
        assert await store.get_schedules() == []

    @pytest.mark.parametrize(
        ("policy", "kept"), [(ConflictPolicy.replace, 2), (ConflictPolicy.do_nothing, 1)]
    )
    async def test_same_id_twice_in_one_call_follows_the_policy(
        self, store: DataStore, policy: ConflictPolicy, kept: int
    ) -> None:
        twice = [make_schedule("a", args=[1]), make_schedule("a", args=[2])]
        await add(store, *twice, conflict_policy=policy)
        assert (await the_schedule(store)).args == (kept,)

    async def test_unknown_task_is_refused(self, store: DataStore) -> None:
        with pytest.raises(TaskLookupError, match="no task with the id 'other'"):
            await add(store, make_schedule("a"), make_schedule("b", task_id="other"))
        assert await store.get_schedules() == []

    async def test_store_does_not_share_the_trigger_of_the_caller(self, store: DataStore) -> None:
        """Neither with who adds a schedule, nor with who gets it."""
        schedule = make_schedule()
        await add(store, schedule)
        schedule.trigger.next()
        for _ in range(2):
            found = await the_schedule(store)
            assert found.trigger.next() == LONG_AGO + HOUR

    async def test_store_does_not_share_the_arguments_of_the_caller(self, store: DataStore) -> None:
        kwargs = {"x": 1}
        await add(store, make_schedule(kwargs=kwargs))
        kwargs["y"] = 2
        assert (await the_schedule(store)).kwargs == {"x": 1}

    # replacing

    async def test_replaced_schedule_takes_the_new_settings(self, store: DataStore) -> None:
        await add(store, make_schedule(args=[1], priority=1, paused=True))
        changed = make_schedule(args=[2], kwargs={"x": 3}, metadata={"y": 4}, max_jitter=5)
        await add(store, changed, conflict_policy=ConflictPolicy.replace)
        assert await the_schedule(store) == changed

    async def test_replacing_with_the_same_trigger_keeps_the_fire_times(
        self, store: DataStore
    ) -> None:
        await add(store, make_schedule())
        await store.release_schedules("A", [fire(await claim_one_schedule(store))])
        replacement = make_schedule(args=["new"])
        await add(store, replacement, conflict_policy=ConflictPolicy.replace)
        found = await the_schedule(store)
        assert found.args == ("new",)
        assert (found.last_fire_time, found.next_fire_time) == (LONG_AGO, LONG_AGO + HOUR)
        assert found.trigger.next() == LONG_AGO + 2 * HOUR

    async def test_replacing_with_the_same_schedule_leaves_its_claim_alone(
        self, store: DataStore
    ) -> None:
        """A program that starts must not take away what another one is just processing."""
        await add(store, make_schedule())
        claimed = await claim_one_schedule(store)
        await add(store, make_schedule(), conflict_policy=ConflictPolicy.replace)
        assert await store.release_schedules("A", [fire(claimed)]) == set()
        assert (await the_schedule(store)).last_fire_time == LONG_AGO

    async def test_replacing_with_a_trigger_that_starts_now_keeps_the_fire_times(
        self, store: DataStore
    ) -> None:
        """A program that leaves the start open makes another trigger at each start, and means the same."""
        with use_clock(VirtualClock(LONG_AGO)):
            first = CronTrigger(hour=3)
        with use_clock(VirtualClock(LONG_AGO + HOUR)):
            second = CronTrigger(hour=3)
        assert first.same_rule(second)
        assert first != second
        await add(store, make_schedule(trigger=first, next_fire_time=LONG_AGO))
        replacement = make_schedule(trigger=second, next_fire_time=LONG_AGO + HOUR)
        await add(store, replacement, conflict_policy=ConflictPolicy.replace)
        assert (await the_schedule(store)).next_fire_time == LONG_AGO

    async def test_replacing_with_another_trigger_takes_its_fire_time(
        self, store: DataStore
    ) -> None:
        """What it was last processed for stays true."""
        await add(store, make_schedule())
        await store.release_schedules("A", [fire(await claim_one_schedule(store))])
        trigger = IntervalTrigger(minutes=7, start_time=LONG_AGO + timedelta(days=1))
        replacement = make_schedule(trigger=trigger, next_fire_time=trigger.next())
        await add(store, replacement, conflict_policy=ConflictPolicy.replace)
        found = await the_schedule(store)
        assert found.last_fire_time == LONG_AGO
        assert found.next_fire_time == LONG_AGO + timedelta(days=1)
        assert found.trigger.next() == LONG_AGO + timedelta(days=1, minutes=7)

    async def test_replacing_ten_thousand_schedules_leaves_their_fire_times(
        self, store: DataStore
    ) -> None:
        """A program adds the same schedules at each start."""
        ids = [f"{number:05}" for number in range(10_000)]
        await add(store, *map(make_schedule, ids))
        claimed = await claim_schedules(store, limit=500)
        await store.release_schedules("A", [fire(schedule) for schedule in claimed])
        await add(store, *map(make_schedule, ids), conflict_policy=ConflictPolicy.replace)
        advanced = await store.get_schedules({schedule.id for schedule in claimed})
        assert {schedule.next_fire_time for schedule in advanced} == {LONG_AGO + HOUR}
        assert {schedule.last_fire_time for schedule in advanced} == {LONG_AGO}
        assert len(await claim_schedules(store, limit=20_000)) == 10_000

    async def test_replacing_clears_the_error(self, store: DataStore) -> None:
        await add(store, make_schedule())
        schedule = await claim_one_schedule(store)
        await store.release_schedules("A", [fire(schedule, error="it raised")])
        assert (await the_schedule(store)).error == "it raised"
        await add(store, make_schedule(), conflict_policy=ConflictPolicy.replace)
        assert (await the_schedule(store)).error is None
        assert len(await claim_schedules(store)) == 1

    # updating

    async def test_update_overwrites_the_schedule(self, store: DataStore) -> None:
        await add(store, make_schedule(args=[1]))
        found = await the_schedule(store)
        changed = evolve(found, paused=True, args=[2], next_fire_time=LONG_AGO + 3 * HOUR)
        assert await store.update_schedule(changed)
        assert await the_schedule(store) == changed

    async def test_update_raises_the_token(self, store: DataStore) -> None:
        await add(store, make_schedule())
        found = await the_schedule(store)
        assert await store.update_schedule(found)
        assert (await the_schedule(store)).token > found.token
        assert not await store.update_schedule(evolve(found, args=["late"]))
        assert (await the_schedule(store)).args == ()

    async def test_update_of_what_was_claimed_meanwhile_changes_nothing(
        self, store: DataStore
    ) -> None:
        await add(store, make_schedule())
        found = await the_schedule(store)
        await claim_one_schedule(store)
        assert not await store.update_schedule(evolve(found, args=["late"]))
        assert (await the_schedule(store)).args == ()

    async def test_update_of_what_was_advanced_meanwhile_changes_nothing(
        self, store: DataStore
    ) -> None:
        """Neither with what was read before the claim, nor with what was read during it."""
        await add(store, make_schedule())
        before = await the_schedule(store)
        schedule = await claim_one_schedule(store)
        during = await the_schedule(store)
        await store.release_schedules("A", [fire(schedule)])
        assert not await store.update_schedule(before)
        assert not await store.update_schedule(during)
        assert (await the_schedule(store)).next_fire_time == LONG_AGO + HOUR

    async def test_update_of_a_claimed_schedule_ends_the_claim(self, store: DataStore) -> None:
        await add(store, make_schedule())
        schedule = await claim_one_schedule(store)
        found = await the_schedule(store)
        assert found.acquired_by == "A"
        assert await store.update_schedule(evolve(found, args=["new"]))
        assert await store.release_schedules("A", [fire(schedule)]) == {"schedule"}
        assert await store.get_jobs() == []
        found = await the_schedule(store)
        assert (found.args, found.acquired_by, found.acquired_until) == (("new",), None, None)
        assert (await claim_one_schedule(store, "B")).next_fire_time == LONG_AGO

    async def test_update_clears_the_error(self, store: DataStore) -> None:
        await add(store, make_schedule())
        schedule = await claim_one_schedule(store)
        await store.release_schedules("A", [fire(schedule, error="it raised")])
        assert await store.update_schedule(await the_schedule(store))
        assert (await the_schedule(store)).error is None
        assert len(await claim_schedules(store)) == 1

    async def test_update_of_what_is_gone_changes_nothing(self, store: DataStore) -> None:
        await add(store, make_schedule())
        found = await the_schedule(store)
        await store.remove_schedules(["schedule"])
        assert not await store.update_schedule(found)
        assert await store.get_schedules() == []

    # removing

    async def test_removed_schedules_are_gone(self, store: DataStore) -> None:
        await add(store, *(make_schedule(id) for id in "abc"))
        await store.remove_schedules(["a", "x", "c", "a"])
        assert (await the_schedule(store)).id == "b"
        assert [schedule.id for schedule in await claim_schedules(store)] == ["b"]

    async def test_removing_nothing_removes_nothing(self, store: DataStore) -> None:
        await add(store, make_schedule())
        await store.remove_schedules([])
        await store.remove_schedules(set())
        assert len(await store.get_schedules()) == 1

    async def test_jobs_of_a_removed_schedule_stay(self, store: DataStore) -> None:
        await add(store, make_schedule())
        await store.release_schedules("A", [fire(await claim_one_schedule(store))])
        await store.remove_schedules(["schedule"])
        assert only(await store.get_jobs()).schedule_id == "schedule"
