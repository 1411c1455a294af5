"""What all tests share: the profiles of Hypothesis, and the fixture that switches the trigger core."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from rota import _backend

#: before any test imports them
pytest.register_assert_rewrite(
    "rota.testing._datastore", "rota.testing._eventbroker", "rota.testing._remote_eventbroker"
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# The same examples in each run, so that a change is judged by what it changes; `make fuzz` draws others.
settings.register_profile("ci", deadline=None, max_examples=60, print_blob=True, derandomize=True)
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=1_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "ci")

#: The cores to test: both where the compiled one is installed, which `ROTA_BACKEND=rust` demands.
BACKENDS = ["python", "rust"] if _backend.backend == "rust" else ["python"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "once: tests no trigger, so that a run on one backend is enough"
    )


@pytest.fixture(params=BACKENDS, scope="module")
def backend(request: pytest.FixtureRequest) -> Iterator[_backend.Core]:
    """Select each trigger core in turn, for the triggers that are used from here on."""
    selected = _backend.backend, _backend.core
    _backend.backend, _backend.core = _backend.select(request.param)
    yield _backend.core
    _backend.backend, _backend.core = selected
