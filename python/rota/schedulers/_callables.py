"""Names and references of callables: how a stored task finds its function again."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rota.model import CallableLookupError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["find", "name_of", "reference_to", "resolve"]


def reference_to(func: Callable[..., Any]) -> str | None:
    """Return `module:qualified.name` if that leads to `func` itself, else `None`."""
    module = getattr(func, "__module__", None)
    qualname = getattr(func, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str) or "<" in qualname:
        return None
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if found is func or (
        found is not None and found == func
    ):  # a class method is made anew by each access
        return f"{module}:{qualname}"
    return None


def name_of(func: Callable[..., Any]) -> str:
    """Return a readable name, not necessarily unique or leading anywhere: `module:qualified.name`."""
    while isinstance(func, partial):
        func = func.func
    named = func if hasattr(func, "__qualname__") else type(func)
    # Methods of built-in classes are of no module.
    module = getattr(named, "__module__", None) or type(func).__module__
    return f"{module}:{named.__qualname__}"


def resolve(reference: str, allowed_modules: Collection[str]) -> Callable[..., Any]:
    """Import the callable that `reference` names, if it is of one of the modules or packages given.

    What such a module has itself imported from elsewhere is not of it: stored text leads to no other function.

    :raises CallableLookupError: if it is not, or the reference leads nowhere
    """
    module_name, _, qualname = reference.partition(":")
    if not any(
        module_name == name or module_name.startswith(f"{name}.") for name in allowed_modules
    ):
        raise CallableLookupError(
            f"{reference!r} is not registered on this scheduler; register it with configure_task() or @task, "
            f"or let its module be imported with task_modules=[{module_name!r}]"
        )
    try:
        func = find(import_module(module_name), qualname)
    except Exception as exc:
        raise CallableLookupError(f"{reference!r} cannot be imported: {exc!r}") from exc
    if reference_to(func) != reference:
        raise CallableLookupError(
            f"{reference!r} is not allowed: what it leads to is not defined there by that name"
        )
    return func


def find(module: object, qualname: str) -> Callable[..., Any]:
    """Return what `qualname` names in `module`.

    :raises CallableLookupError: if it is not callable
    :raises AttributeError: if there is no such name
    """
    found: Any = module
    for part in qualname.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise CallableLookupError(f"{qualname!r} is not callable, got: {found!r}")
    func: Callable[..., Any] = found
    return func
