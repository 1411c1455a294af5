"""For tests: a virtual clock, and the suites that every data store and event broker must pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rota._environment import use_clock as use_clock
from rota.testing._clock import SkewedClock as SkewedClock, VirtualClock as VirtualClock

if TYPE_CHECKING:
    from rota.testing._datastore import DataStoreConformance as DataStoreConformance
    from rota.testing._eventbroker import EventBrokerConformance as EventBrokerConformance
    from rota.testing._remote_eventbroker import (
        RemoteEventBrokerConformance as RemoteEventBrokerConformance,
    )

_SUITES = {
    "DataStoreConformance": "rota.testing._datastore",
    "EventBrokerConformance": "rota.testing._eventbroker",
    "RemoteEventBrokerConformance": "rota.testing._remote_eventbroker",
}


def __getattr__(name: str) -> Any:
    """Import a suite when it is asked for: the suites need pytest, the virtual clock does not."""
    if name not in _SUITES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    import pytest

    pytest.register_assert_rewrite(*_SUITES.values())
    return getattr(import_module(_SUITES[name]), name)
