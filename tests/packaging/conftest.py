"""A copy of the source tree and fresh environments to build and install it in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("build_backend", "python", "rust", "Cargo.toml", "Cargo.lock", "pyproject.toml")
TEXTS = ("README.md", "LICENSE", "CHANGELOG.md")


class Environment:
    """A fresh virtual environment that has nothing but pip."""

    def __init__(self, folder: Path, *, cargo: bool) -> None:
        self.python = folder / "bin" / "python"
        path = os.environ["PATH"] if cargo else str(self.python.parent)
        self.variables = {
            name: value for name, value in os.environ.items() if name != "ROTA_BUILD_EXT"
        }
        self.variables |= {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PIP_NO_INPUT": "1"}
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)

    def run(self, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run this environment's Python with `arguments`; the caller looks at the exit code."""
        return subprocess.run(
            [str(self.python), *map(str, arguments)],
            env=self.variables | variables,
            cwd=self.python.parent,
            capture_output=True,
            text=True,
            check=False,
        )

    def pip(self, *arguments: object, **variables: str) -> str:
        """Run pip and return what it printed; fail the test if pip fails."""
        done = self.run("-m", "pip", *arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def copy_sources(target: Path) -> Path:
    """Copy what a build reads to `target`, with times of change, so that cargo compiles nothing anew."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in (*SOURCES, *TEXTS):
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__", "target")
            shutil.copytree(source, target / name, ignore=ignored)
        elif source.exists():
            shutil.copy2(source, target / name)
    return target


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources that a test may change."""
    return copy_sources(tmp_path / "tree")


@pytest.fixture(scope="session")
def without_cargo(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which no cargo can be found."""
    return Environment(tmp_path_factory.mktemp("without-cargo"), cargo=False)


@pytest.fixture(scope="session")
def with_cargo(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which cargo can be found."""
    if shutil.which("cargo") is None:
        if os.environ.get("CI"):
            pytest.fail("cargo is not there, and in CI it must be")
        pytest.skip("cargo is not there")
    return Environment(tmp_path_factory.mktemp("with-cargo"), cargo=True)


@pytest.fixture(scope="session")
def pure_wheel(without_cargo: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built where there is no cargo."""
    folder = tmp_path_factory.mktemp("pure")
    without_cargo.pip("wheel", "--no-deps", "-w", folder, copy_sources(folder / "tree"))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def compiled_tree(pytestconfig: pytest.Config) -> Path:
    """A copy of the sources at a place that stays the same, which lets cargo reuse what it compiled."""
    assert pytestconfig.cache is not None
    return copy_sources(pytestconfig.cache.mkdir("packaging") / "tree")


@pytest.fixture(scope="session")
def compiled_wheel(
    with_cargo: Environment, compiled_tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The wheel that is built where there is cargo."""
    (compiled_tree / "python" / "rota" / "_core.stale.so").write_text(
        "left over from an earlier build"
    )
    folder = tmp_path_factory.mktemp("compiled")
    with_cargo.pip(
        "wheel", "--no-deps", "-w", folder, compiled_tree, CARGO_TARGET_DIR=str(ROOT / "target")
    )
    return next(folder.glob("*.whl"))
