"""The backends that are measured: the reference always, the compiled core where it is built."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest

from rota import _backend

BACKENDS = ["python", "rust"] if find_spec("rota._core") else ["python"]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let triggers that are made from here on compile for this backend."""
    name: str = request.param
    core = import_module("rota._core") if name == "rust" else _backend.reference()
    monkeypatch.setattr(_backend, "core", core)
    return name
