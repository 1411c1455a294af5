from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

ASKS_TWICE = """
import pytest
from tests import _services

_services.PORTS["nowhere"] = 9  # discard: nothing listens there

@pytest.mark.service("nowhere")
def test_by_marker(): ...

@pytest.fixture
def nowhere_url():
    return _services.need("nowhere")

def test_by_fixture(nowhere_url): ...
"""


def run(pytester: pytest.Pytester) -> pytest.RunResult:
    pytester.makepyfile(ASKS_TWICE)
    return pytester.runpytest_inprocess("-rs", "-p", "tests._services", "-p", "no:cacheprovider")


def test_absent_service_skips_with_one_line_for_all(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    result = run(pytester)
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["tests skipped because a server is not there: nowhere (2)"])


def test_absent_service_fails_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    result = run(pytester)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*no nowhere server answers on 127.0.0.1:9; in CI it must"])
