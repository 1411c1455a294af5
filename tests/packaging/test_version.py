from __future__ import annotations

import re

import rota
from tests.packaging.conftest import ROOT


def declared_in(file: str) -> list[str]:
    return re.findall(
        r'^version = "(.+)"$', (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE
    )


def test_package_and_crate_declare_the_version_that_runs() -> None:
    assert declared_in("pyproject.toml") == declared_in("Cargo.toml") == [rota.__version__]


def test_changelog_begins_with_the_version_that_runs() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] == rota.__version__
