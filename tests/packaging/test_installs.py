from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, Environment, copy_sources
from tests.packaging.test_wheels import is_extension, members

TARGET = {"CARGO_TARGET_DIR": str(ROOT / "target")}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution of a copy of the sources."""
    folder = tmp_path_factory.mktemp("sdist")
    tree = copy_sources(folder / "tree")
    command = [sys.executable, "-m", "build", "--sdist", "--outdir", str(folder), str(tree)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.tar.gz"))


def wheel_from(sdist: Path, environment: Environment, folder: Path) -> Path:
    environment.pip("wheel", "--no-deps", "-w", folder, sdist, **TARGET)
    return next(folder.glob("*.whl"))


def test_sdist_without_cargo_gives_the_same_wheel_as_the_tree(
    sdist: Path, without_cargo: Environment, pure_wheel: Path, tmp_path: Path
) -> None:
    assert members(wheel_from(sdist, without_cargo, tmp_path)) == members(pure_wheel)


def test_sdist_with_cargo_gives_the_same_wheel_as_the_tree(
    sdist: Path, with_cargo: Environment, compiled_wheel: Path, tmp_path: Path
) -> None:
    assert members(wheel_from(sdist, with_cargo, tmp_path)) == members(compiled_wheel)


def test_sdist_holds_the_sources_of_both_kinds(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Cargo.toml", "Cargo.lock", "rust/lib.rs", "build_backend/rota_build.py"} <= names
    assert not [name for name in names if is_extension(name.removeprefix("python/"))]


def install_in_place(environment: Environment, tree: Path) -> list[str]:
    """Install `tree` in place and return the extensions that are then in it."""
    environment.pip("install", "--no-deps", "--force-reinstall", "-e", tree, **TARGET)
    found = environment.run("-c", "import importlib.util as u; print(u.find_spec('rota').origin)")
    package = tree / "python" / "rota"
    assert Path(found.stdout.strip()).parent == package, found.stdout + found.stderr
    return [path.name for path in package.glob("_core*.so")]


def test_package_in_place_without_cargo_has_no_extension(
    without_cargo: Environment, tree: Path
) -> None:
    (tree / "python" / "rota" / "_core.stale.so").touch()
    assert install_in_place(without_cargo, tree) == []


def test_package_in_place_with_cargo_has_the_extension(with_cargo: Environment, tree: Path) -> None:
    (tree / "python" / "rota" / "_core.stale.so").touch()
    (extension,) = install_in_place(with_cargo, tree)
    assert extension.startswith(f"_core.cpython-{sys.version_info.major}{sys.version_info.minor}-")
