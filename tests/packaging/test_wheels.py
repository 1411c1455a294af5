from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from packaging.metadata import Metadata
from packaging.utils import canonicalize_name, parse_wheel_filename

import rota
from tests.packaging.conftest import ROOT, Environment


def members(wheel: Path) -> set[str]:
    """The files that are installed: neither the record nor the list of crates that maturin adds."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    return {
        name for name in names if not name.endswith(("/RECORD", "/WHEEL")) and "/sboms/" not in name
    }


def is_extension(name: str) -> bool:
    return name.startswith("rota/_core.") and name.endswith((".so", ".pyd"))


def test_wheel_without_cargo_fits_every_machine(pure_wheel: Path) -> None:
    assert pure_wheel.name == f"rota-{rota.__version__}-py3-none-any.whl"


def test_wheel_without_cargo_holds_the_whole_package(pure_wheel: Path) -> None:
    package = ROOT / "python"
    sources = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".so", ".pyd")
    }
    assert {name for name in members(pure_wheel) if ".dist-info/" not in name} == sources


def test_wheel_with_cargo_is_for_one_interpreter(compiled_wheel: Path) -> None:
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    tags = parse_wheel_filename(compiled_wheel.name)[3]
    assert {(each.interpreter, each.abi) for each in tags} == {(tag, tag)}


def test_wheels_of_both_kinds_differ_only_in_the_extension(
    compiled_wheel: Path, pure_wheel: Path
) -> None:
    extensions = [name for name in members(compiled_wheel) if is_extension(name)]
    assert len(extensions) == 1
    assert members(compiled_wheel) - set(extensions) == members(pure_wheel)


def metadata(wheel: Path) -> dict[str, object]:
    """What the wheel says of itself; of dependencies what each builder writes in the same way."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        read = Metadata.from_email(archive.read(name))
    needed = [each for each in read.requires_dist or () if "extra ==" not in str(each.marker)]
    return {
        "name": read.name,
        "version": read.version,
        "requires": read.requires_python,
        "dependencies": sorted(
            f"{canonicalize_name(each.name)}{each.specifier}" for each in needed
        ),
        "extras": sorted(read.provides_extra or ()),
        "license": read.license_expression,
        "classifiers": sorted(read.classifiers or ()),
        "description": (read.description or "").strip(),
    }


def test_wheels_of_both_kinds_have_the_same_metadata(
    compiled_wheel: Path, pure_wheel: Path
) -> None:
    assert metadata(compiled_wheel) == metadata(pure_wheel)


def test_required_extension_without_cargo_fails_clearly(
    without_cargo: Environment, tree: Path
) -> None:
    done = without_cargo.run(
        "-m", "pip", "wheel", "--no-deps", "-w", tree, tree, ROTA_BUILD_EXT="require"
    )
    assert done.returncode != 0
    assert (
        "ROTA_BUILD_EXT=require needs what is missing: cargo on PATH" in done.stdout + done.stderr
    )


def test_compile_error_is_not_taken_for_a_missing_compiler(
    with_cargo: Environment, tree: Path
) -> None:
    with (tree / "rust" / "lib.rs").open("a") as source:
        source.write('compile_error!("broken on purpose");\n')
    done = with_cargo.run(
        "-m", "pip", "wheel", "--no-deps", "-w", tree, tree, CARGO_TARGET_DIR=str(ROOT / "target")
    )
    assert done.returncode != 0
    assert "broken on purpose" in done.stdout + done.stderr
    assert "ROTA_BUILD_EXT=skip goes without it" in done.stdout + done.stderr
    assert list(tree.glob("*.whl")) == []
