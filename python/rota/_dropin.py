"""`import apscheduler` as another name of rota, for programs and stored references that were written for it."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["install_as_apscheduler"]

_NAME = "apscheduler"
#: what rota does not have, and what to do instead
_ABSENT = {
    "apscheduler.datastores.mongodb": "use rota.datastores.sqlalchemy",
    "apscheduler.executors.qt": "give Qt programs an executor of their own, see 'Extending rota'",
}


class _Finder(MetaPathFinder, Loader):
    """Finds `apscheduler.x.y` in `rota.x.y`: the same module, not a second one."""

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _NAME and not fullname.startswith(f"{_NAME}."):
            return None
        if fullname in _ABSENT:
            raise ModuleNotFoundError(f"rota has no {fullname}: {_ABSENT[fullname]}", name=fullname)
        return ModuleSpec(fullname, self, is_package=fullname.count(".") < 2)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module("rota" + spec.name.removeprefix(_NAME))
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has given the module the spec of its other name.
        assert module.__spec__ is not None, "it was just set"
        module.__spec__ = self._specs.pop(module.__spec__.name)


def install_as_apscheduler() -> None:
    """Make `import apscheduler`, and whatever is below it, mean rota, in this process from now on.

    Cron triggers that are made from now on follow APScheduler 4's rule where the clocks change: `gap="skip"`,
    `overlap="both"`. Levels and handlers of the logger `apscheduler` apply to rota's. Calling it again does nothing.

    :raises RuntimeError: if the other package has been imported already
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    if _NAME in sys.modules:
        raise RuntimeError(
            "install_as_apscheduler() must be called before anything imports apscheduler,"
            f" got: {sys.modules[_NAME]!r}"
        )
    from rota.serializers._registry import accept_names_of
    from rota.triggers.cron import set_default_policies

    set_default_policies("skip", "both")
    accept_names_of(_NAME)
    logging.getLogger("rota").parent = logging.getLogger(_NAME)
    sys.meta_path.insert(0, _Finder())
