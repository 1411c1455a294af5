"""The build hooks of PEP 517 and PEP 660: maturin where the extension can be compiled, else hatchling.

`ROTA_BUILD_EXT` decides: `auto` (the default) compiles if cargo is on the path, `require` fails without it, `skip`
builds the pure package. The choice depends only on what is present: a compile error is an error, never a fallback.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
]

ROOT = Path(__file__).resolve().parent.parent
COMPILED = ["maturin >= 1.9.4, < 2"]
PURE = ["hatchling >= 1.27"]

Settings = dict[str, Any] | None


def compiles() -> bool:
    """Tell whether this build compiles the extension; raise if it must and cannot."""
    mode = os.environ.get("ROTA_BUILD_EXT") or "auto"
    if mode not in ("auto", "require", "skip"):
        raise ValueError(f"ROTA_BUILD_EXT must be auto, require or skip, got: {mode}")
    if mode == "skip":
        return False
    present = {
        "Cargo.toml": (ROOT / "Cargo.toml").is_file(),
        "cargo on PATH": shutil.which("cargo") is not None,
    }
    missing = [name for name, there in present.items() if not there]
    if missing and mode == "require":
        raise RuntimeError(f"ROTA_BUILD_EXT=require needs what is missing: {', '.join(missing)}")
    return not missing


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Return what `build_wheel` needs."""
    return COMPILED if compiles() else PURE


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """Return what `build_editable` needs."""
    return COMPILED if compiles() else PURE


def get_requires_for_build_sdist(config_settings: Settings = None) -> list[str]:
    """Return what `build_sdist` needs: the same in both modes, as the sources are."""
    return PURE


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Write the source distribution and return its file name."""
    return _call("hatchling.build", "build_sdist", sdist_directory, config_settings)


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Write the wheel and return its file name. Extensions that lie in the source tree stay out of it."""
    return _build("build_wheel", wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Write the editable wheel and return its file name.

    The extension is compiled into the source tree, so those of earlier builds are deleted first.
    """
    for pattern in ("_core*.so", "_core*.pyd"):
        for stale in (ROOT / "python" / "rota").glob(pattern):
            stale.unlink()
    return _build("build_editable", wheel_directory, config_settings, metadata_directory)


def _build(hook: str, *arguments: object) -> str:
    if not compiles():
        return _call("hatchling.build", hook, *arguments)
    try:
        return _call("maturin", hook, *arguments)
    except (Exception, SystemExit):  # maturin's hooks exit
        sys.stderr.write("rota: the extension was not built; ROTA_BUILD_EXT=skip goes without it\n")
        raise


def _call(module: str, hook: str, *arguments: object) -> str:
    return str(getattr(import_module(module), hook)(*arguments))
