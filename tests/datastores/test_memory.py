"""The memory store keeps the promises of all data stores, and some of its own."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from logging import getLogger

import pytest

from rota._environment import SystemClock
from rota.abc import DataStore
from rota.datastores._memory.agenda import Agenda
from rota.datastores._memory.schedules import ScheduleTable
from rota.datastores._memory.tasks import TaskTable
from rota.datastores.memory import MemoryDataStore
from rota.eventbrokers.local import LocalEventBroker
from rota.model import ConflictPolicy, Event
from rota.testing import DataStoreConformance
from rota.testing._datastore._backlog import CountingBacklogs
from rota.testing._datastore._fixtures import (
    LONG_AGO,
    claim_schedules,
    fire,
    make_schedule,
    make_task,
)


class TestMemoryDataStore(DataStoreConformance):
    def make_store(self) -> DataStore:
        return MemoryDataStore()


class TestWhatStoresDoByDefault(CountingBacklogs):
    """A store that counts nothing by itself reads everything."""

    def make_store(self) -> DataStore:
        class Plain(MemoryDataStore):
            backlog = DataStore.backlog

        return Plain()


MOVES = 1_000
#: entries that a heap may have beside twice what is in it
SLACK = 64


def test_heap_of_schedules_stays_in_proportion_however_often_they_are_replaced() -> None:
    """Those that are not due yet, so that nobody looks at them."""
    tasks = TaskTable()
    tasks.put(make_task())
    table = ScheduleTable(tasks, iter(range(10 * MOVES)).__next__)
    for number in range(MOVES):
        due = LONG_AGO + timedelta(days=MOVES - number)
        table.add([make_schedule(due=due)], ConflictPolicy.replace)
    assert len(table._due) <= 2 + SLACK


@pytest.mark.parametrize("withdrawn", [True, False])
def test_heap_of_an_agenda_stays_in_proportion_however_often_keys_are_moved(
    withdrawn: bool,
) -> None:
    agenda: Agenda[str] = Agenda()
    agenda.put((-1, "first"))
    for number in range(MOVES):
        if withdrawn:
            agenda.discard("key")
        agenda.put((number, "key"))
    assert len(agenda) == 2
    assert len(agenda._heap) <= 4 + SLACK
    assert [agenda.pop(), agenda.pop()] == ["first", "key"]


@pytest.mark.anyio
async def test_what_one_operation_has_led_to_is_published_at_once() -> None:
    """A broker that can be cancelled while it publishes tells all of it or nothing."""
    published: list[list[str]] = []

    class Noting(LocalEventBroker):
        async def publish(self, *events: Event) -> None:
            published.append(sorted(type(event).__name__ for event in events))

    store, broker = MemoryDataStore(), Noting()
    broker.subscribe(lambda _event: None)
    async with AsyncExitStack() as exit_stack:
        await store.start(exit_stack, broker, getLogger("rota"), SystemClock())
        await store.add_task(make_task())
        await store.add_schedules([make_schedule("due")], ConflictPolicy.exception)
        (claimed,) = await claim_schedules(store, limit=1)
        published.clear()
        assert await store.release_schedules("A", [fire(claimed)]) == set()
    assert published == [["JobAdded", "ScheduleUpdated"]]
