"""The memory store keeps the promises of all data stores, and some of its own."""

from __future__ import annotations

from rota.abc import DataStore
from rota.datastores.memory import MemoryDataStore
from rota.testing import DataStoreConformance
from rota.testing._datastore._backlog import CountingBacklogs


class TestMemoryDataStore(DataStoreConformance):
    def make_store(self) -> DataStore:
        return MemoryDataStore()


class TestWhatStoresDoByDefault(CountingBacklogs):
    """A store that counts nothing by itself reads everything."""

    def make_store(self) -> DataStore:
        class Plain(MemoryDataStore):
            backlog = DataStore.backlog

        return Plain()
