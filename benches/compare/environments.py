"""Creates the environments that the peers run in, one each, from pinned requirement files."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / "benches" / ".envs"
REQUIREMENTS = Path(__file__).parent / "requirements"


def names() -> list[str]:
    """Return the environments there are requirements for."""
    return sorted(path.stem for path in REQUIREMENTS.glob("*.txt"))


@cache
def python(name: str) -> Path:
    """Return the interpreter of an environment, creating the environment if it is missing or out of date.

    :raises subprocess.CalledProcessError: if a requirement cannot be installed
    """
    requirements = REQUIREMENTS / f"{name}.txt"
    environment = ENVIRONMENTS / name
    interpreter = environment / "bin" / "python"
    stamp = environment / "made-from"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"creating the environment of {name}", file=sys.stderr)
        shutil.rmtree(environment, ignore_errors=True)
        _create(environment)
        _install(interpreter, requirements)
        if name.startswith("rota"):
            _point_at_work_tree(environment)
        stamp.write_text(wanted)
    return interpreter


def _create(environment: Path) -> None:
    """Make an empty environment of the running interpreter's version."""
    uv = _uv()
    if uv:
        command = [uv, "venv", "-q", "--python", sys.executable, str(environment)]
    else:
        command = [sys.executable, "-m", "venv", str(environment)]
    subprocess.run(command, check=True)


def _install(interpreter: Path, requirements: Path) -> None:
    uv = _uv()
    if uv:
        command = [uv, "pip", "install", "-q", "--python", str(interpreter)]
    else:
        command = [str(interpreter), "-m", "pip", "install", "-q"]
    subprocess.run([*command, "-r", str(requirements)], check=True)


def _point_at_work_tree(environment: Path) -> None:
    """Make `import rota` find the work tree, compiled extension included if it is built."""
    site_packages = sysconfig.get_path(
        "purelib", vars={"base": str(environment), "platbase": str(environment)}
    )
    (Path(site_packages) / "rota_work_tree.pth").write_text(f"{ROOT / 'python'}\n")


def _uv() -> str | None:
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv")
