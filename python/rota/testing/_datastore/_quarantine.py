"""Items that cannot be read or processed: set aside, visible, and no burden to their neighbours."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from rota.abc import Trigger
from rota.model import (
    ConflictPolicy,
    ScheduleDeserializationFailed,
    ScheduleFailed,
    SerializationError,
)
from rota.testing._datastore._fixtures import (
    HOUR,
    LONG_AGO,
    DataStoreFixtures,
    add,
    claim_schedules,
    fire,
    make_schedule,
    only,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from rota.abc import DataStore
    from rota.testing._datastore._fixtures import RecordingBroker

__all__ = ["CountingTrigger", "Quarantine", "UnreadableTrigger", "UnwritableTrigger"]


class CountingTrigger(Trigger):
    """A user's trigger, whose state is its own business."""

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> datetime | None:
        """Return the next hour, five times."""
        self.count += 1
        return LONG_AGO + self.count * HOUR if self.count <= 5 else None


class UnreadableTrigger(CountingTrigger):
    """A user's trigger that cannot be read while `damaged`, as if its class had changed."""

    damaged = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        if self.damaged:
            raise AttributeError("this class has no such field any more")
        self.__dict__.update(state)


class UnwritableTrigger(CountingTrigger):
    """A user's trigger that cannot be stored."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle this trigger")


class Quarantine(DataStoreFixtures):
    """One bad item concerns that item alone."""

    @pytest.fixture
    def damage(self) -> Iterator[None]:
        """Undo the damage that a test does."""
        yield
        UnreadableTrigger.damaged = False

    async def test_state_of_a_users_trigger_is_kept(self, store: DataStore) -> None:
        trigger = CountingTrigger()
        await add(store, make_schedule(trigger=trigger, next_fire_time=trigger.next()))
        for count in range(1, 6):
            schedule = only(await claim_schedules(store))
            assert schedule.next_fire_time == LONG_AGO + count * HOUR
            await store.release_schedules("A", [fire(schedule)])
        assert await store.get_schedules() == []
        assert len(await store.get_jobs()) == 5

    async def test_failed_schedule_is_set_aside(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        """Its fire time stays; its neighbour advances in the same call."""
        await add(store, make_schedule("bad"), make_schedule("good"))
        broker.events.clear()
        results = [
            fire(
                schedule,
                jobs=(),
                error="ValueError: é",
                last_fire_time=None,
                next_fire_time=LONG_AGO,
            )
            if schedule.id == "bad"
            else fire(schedule)
            for schedule in await claim_schedules(store)
        ]
        assert await store.release_schedules("A", results) == set()
        bad, good = await store.get_schedules()
        assert (bad.error, bad.next_fire_time) == ("ValueError: é", LONG_AGO)
        assert (bad.acquired_by, bad.acquired_until) == (None, None)
        assert (good.error, good.next_fire_time) == (None, LONG_AGO + HOUR)
        assert [schedule.id for schedule in await claim_schedules(store)] == ["good"]
        event = only(broker.of(ScheduleFailed))
        assert (event.schedule_id, event.task_id, event.error) == ("bad", "task", "ValueError: é")

    async def test_unreadable_schedule_is_set_aside_when_it_is_due(
        self, store: DataStore, broker: RecordingBroker, damage: None
    ) -> None:
        """Its neighbours are claimed with their own fire times. Once it can be read again its error is seen."""
        neighbours = [make_schedule(f"{number}", LONG_AGO + number * HOUR) for number in range(20)]
        bad = make_schedule("bad", trigger=UnreadableTrigger())
        await add(store, *neighbours[:10], bad, *neighbours[10:])
        UnreadableTrigger.damaged = True
        broker.events.clear()
        claimed = await claim_schedules(store)
        found = {schedule.id: schedule.next_fire_time for schedule in claimed}
        assert found == {schedule.id: schedule.next_fire_time for schedule in neighbours}
        event = only(broker.of(ScheduleDeserializationFailed))
        assert event.schedule_id == "bad"
        assert "no such field" in str(event.exception)
        UnreadableTrigger.damaged = False
        (bad,) = await store.get_schedules(["bad"])
        assert "no such field" in str(bad.error)
        assert await claim_schedules(store, "B") == []
        assert await store.update_schedule(bad)
        assert only(await claim_schedules(store, "B")).id == "bad"

    async def test_unreadable_schedule_is_left_out_of_the_list(
        self, store: DataStore, broker: RecordingBroker, damage: None
    ) -> None:
        due = await store.now() + HOUR
        bad = make_schedule("bad", due, trigger=UnreadableTrigger())
        await add(store, bad, make_schedule("good"))
        UnreadableTrigger.damaged = True
        broker.events.clear()
        assert only(await store.get_schedules()).id == "good"
        assert only(broker.of(ScheduleDeserializationFailed)).schedule_id == "bad"

    async def test_unreadable_schedule_can_be_replaced_and_removed(
        self, store: DataStore, damage: None
    ) -> None:
        triggers = [UnreadableTrigger(), UnreadableTrigger()]
        await add(
            store, *(make_schedule(id, trigger=t) for id, t in zip("ab", triggers, strict=True))
        )
        UnreadableTrigger.damaged = True
        assert await claim_schedules(store) == []
        await add(store, make_schedule("a"), conflict_policy=ConflictPolicy.replace)
        await store.remove_schedules(["b"])
        assert [schedule.id for schedule in await store.get_schedules()] == ["a"]
        assert len(await claim_schedules(store)) == 1

    async def test_trigger_that_cannot_be_stored_is_refused(self, store: DataStore) -> None:
        with pytest.raises(SerializationError):
            await add(store, make_schedule("a"), make_schedule("b", trigger=UnwritableTrigger()))
        assert await store.get_schedules() == []

    async def test_trigger_that_cannot_be_stored_sets_its_schedule_aside(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        """Its state has changed into something that cannot be kept; its neighbour advances in the same call."""
        await add(store, make_schedule("bad", trigger=CountingTrigger()), make_schedule("good"))
        broker.events.clear()
        schedules = {schedule.id: schedule for schedule in await claim_schedules(store)}
        vars(schedules["bad"].trigger)["connection"] = Lock()
        results = [fire(schedule) for schedule in schedules.values()]
        assert await store.release_schedules("A", results) == set()
        bad, good = await store.get_schedules()
        assert "lock" in str(bad.error)
        assert (bad.next_fire_time, good.next_fire_time) == (LONG_AGO, LONG_AGO + HOUR)
        assert bad.trigger.next() == LONG_AGO + HOUR
        assert [job.schedule_id for job in await store.get_jobs()] == ["good"]
        assert only(broker.of(ScheduleFailed)).schedule_id == "bad"
