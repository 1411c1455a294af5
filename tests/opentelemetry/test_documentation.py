"""The guide lists every metric, as what it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
from opentelemetry.metrics import Meter

from rota.opentelemetry import _names
from rota.opentelemetry._instruments import Instruments

pytestmark = pytest.mark.once

PAGE = Path(__file__).parents[2] / "docs/guides/observability.md"
KINDS = {
    "create_counter": "counter",
    "create_histogram": "histogram",
    "create_up_down_counter": "up-down counter",
    "create_observable_counter": "counter",
    "create_observable_gauge": "gauge",
}
#: name, kind, unit, attributes
ROW = re.compile(r"^\| `(rota\.[a-z_.]+)` \| ([a-z-]+[a-z ]*) \| `([^`]+)` \| (.*?) \|", re.M)


def made() -> list[tuple[str, str, str]]:
    meter = create_autospec(Meter)
    Instruments(meter)
    return [
        (call.args[0], kind, _unit(call.args))
        for method, kind in KINDS.items()
        for call in getattr(meter, method).call_args_list
    ]


def _unit(arguments: tuple[Any, ...]) -> str:
    return next(text for text in arguments[1:] if isinstance(text, str))


def documented() -> list[tuple[str, ...]]:
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


def test_every_metric_is_listed_with_its_kind_and_unit() -> None:
    assert sorted(row[:3] for row in documented()) == sorted(made())


def test_every_attribute_is_listed() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in _names.__all__:
        assert f"`{getattr(_names, name)}`" in text


def test_schedulers_do_without_opentelemetry() -> None:
    code = "import rota.schedulers.sync, sys; sys.exit('opentelemetry' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
