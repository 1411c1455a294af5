from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.packaging.conftest import ROOT


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The build hooks over an empty tree and an empty PATH."""
    spec = importlib.util.spec_from_file_location(
        "rota_build", ROOT / "build_backend" / "rota_build.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("ROTA_BUILD_EXT", raising=False)
    return module


def add_cargo(folder: Path) -> None:
    cargo = folder / "bin" / "cargo"
    cargo.parent.mkdir()
    cargo.write_text("#!/bin/sh\nexit 1\n")
    cargo.chmod(0o755)


def add_manifest(folder: Path) -> None:
    (folder / "Cargo.toml").touch()


def test_auto_with_cargo_and_manifest_takes_maturin(hooks: ModuleType, tmp_path: Path) -> None:
    add_cargo(tmp_path)
    add_manifest(tmp_path)
    assert hooks.get_requires_for_build_wheel() == hooks.COMPILED
    assert hooks.get_requires_for_build_editable() == hooks.COMPILED


def test_auto_without_cargo_takes_hatchling(hooks: ModuleType, tmp_path: Path) -> None:
    add_manifest(tmp_path)
    assert hooks.get_requires_for_build_wheel() == hooks.PURE


def test_auto_without_manifest_takes_hatchling(hooks: ModuleType, tmp_path: Path) -> None:
    add_cargo(tmp_path)
    assert hooks.get_requires_for_build_wheel() == hooks.PURE


def test_skip_ignores_cargo(
    hooks: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_cargo(tmp_path)
    add_manifest(tmp_path)
    monkeypatch.setenv("ROTA_BUILD_EXT", "skip")
    assert hooks.get_requires_for_build_editable() == hooks.PURE


def test_require_names_what_is_missing(hooks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTA_BUILD_EXT", "require")
    with pytest.raises(RuntimeError) as caught:
        hooks.get_requires_for_build_wheel()
    assert str(caught.value) == (
        "ROTA_BUILD_EXT=require needs what is missing: Cargo.toml, cargo on PATH"
    )


def test_unknown_choice_is_quoted(hooks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTA_BUILD_EXT", "maybe")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        hooks.get_requires_for_build_wheel()
    assert str(caught.value) == "ROTA_BUILD_EXT must be auto, require or skip, got: maybe"


def test_sdist_needs_no_compiler(hooks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTA_BUILD_EXT", "require")
    assert hooks.get_requires_for_build_sdist() == hooks.PURE


def test_editable_build_deletes_stale_extensions(
    hooks: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "python" / "rota"
    package.mkdir(parents=True)
    for name in ("_core.cpython-39-x86_64-linux-gnu.so", "_core.pyd", "_core.pyi"):
        (package / name).touch()
    fake = ModuleType("hatchling.build")
    fake.build_editable = lambda *arguments: "rota.whl"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hatchling.build", fake)
    assert hooks.build_editable("wheels") == "rota.whl"
    assert [path.name for path in package.iterdir()] == ["_core.pyi"]
