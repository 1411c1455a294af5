"""Both trigger cores in one process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from rota import _backend
from tests.conftest import BACKENDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rota._backend import Core


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Compare only where there is something to compare with."""
    if len(BACKENDS) < 2:
        for item in items:
            if "tests/parity" in item.path.as_posix():
                item.add_marker(
                    pytest.mark.skip("the extension is not selected: no two cores to compare")
                )


@pytest.fixture(scope="session")
def cores() -> tuple[Core, Core]:
    """The reference and the compiled core."""
    return _backend.reference(), _backend.select("rust")[1]


@contextmanager
def selected(name: str) -> Iterator[None]:
    """Let triggers be compiled for a core, by its name."""
    before = _backend.backend, _backend.core
    _backend.backend, _backend.core = _backend.select(name)
    try:
        yield
    finally:
        _backend.backend, _backend.core = before
