"""The command `rota`. What a command needs is imported when it runs, so that `rota --help` answers at once."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point of the package."""
    if find_spec("click") is None:
        sys.exit("rota: the command line needs more packages: pip install 'rota[cli]'")
    from rota.cli._app import run

    run()
