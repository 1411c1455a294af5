"""The promises of data stores as a suite of tests, for every store."""

from __future__ import annotations

from rota.testing._datastore._adding import AddingSchedules
from rota.testing._datastore._backlog import CountingBacklogs
from rota.testing._datastore._claiming import ClaimingJobs
from rota.testing._datastore._ending import EndingJobs
from rota.testing._datastore._events import Publishing
from rota.testing._datastore._fences import Fencing
from rota.testing._datastore._firing import FiringSchedules
from rota.testing._datastore._fixtures import DataStoreFixtures
from rota.testing._datastore._quarantine import Quarantine
from rota.testing._datastore._random_walk import RandomWalk
from rota.testing._datastore._reaping import Reaping
from rota.testing._datastore._round_trips import RoundTrips
from rota.testing._datastore._tasks import KeepingTasks
from rota.testing._datastore._turns import TakingTurns
from rota.testing._datastore._waiting import Waiting

__all__ = ["DataStoreConformance"]


class DataStoreConformance(
    KeepingTasks,
    AddingSchedules,
    FiringSchedules,
    Fencing,
    Quarantine,
    ClaimingJobs,
    EndingJobs,
    TakingTurns,
    Reaping,
    Waiting,
    CountingBacklogs,
    RoundTrips,
    Publishing,
    RandomWalk,
    DataStoreFixtures,
):
    """The tests; a class derived from this one runs them with pytest on what its `make_store` returns.

    For example::

        class TestMyStore(DataStoreConformance):
            def make_store(self) -> DataStore:
                return MyStore("localhost")

    The tests are asynchronous and run on the backends of AnyIO's `anyio_backend` fixture. They let time pass through
    the fixture `pass_time`: as provided, it sets a virtual clock forward, which is right for a store that goes by
    the clock that it is started with. A store that has a clock of its own overrides the fixtures `clock` and
    `pass_time`; its clock may go on during a test, as long as that is over within some seconds. `make_store` is
    called once a test, but for the random walk, which asks for an empty store again and again. The
    serializer must be one that takes any object.
    """
