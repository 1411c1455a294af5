"""The interfaces: what a trigger, a data store, an event broker, an executor, a serializer and a clock must provide."""

from rota.abc._clock import Clock as Clock
from rota.abc._datastore import (
    Acquired as Acquired,
    Additions as Additions,
    Backlog as Backlog,
    DataStore as DataStore,
    JobFilter as JobFilter,
    LostLeases as LostLeases,
)
from rota.abc._eventbroker import EventBroker as EventBroker, Subscription as Subscription
from rota.abc._executor import JobExecutor as JobExecutor
from rota.abc._serializer import Serializer as Serializer
from rota.abc._trigger import Trigger as Trigger
