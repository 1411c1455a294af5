"""The memory store keeps the promises of all data stores, and some of its own."""

from __future__ import annotations

from rota.abc import DataStore
from rota.datastores.memory import MemoryDataStore
from rota.testing import DataStoreConformance


class TestMemoryDataStore(DataStoreConformance):
    def make_store(self) -> DataStore:
        return MemoryDataStore()
