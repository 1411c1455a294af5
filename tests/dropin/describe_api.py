"""Describes the public API of a package, for the names that its API reference lists, by what it tells of itself.

Run with the interpreter of an environment that has the package, it writes `apscheduler.json`::

    python tests/dropin/describe_api.py apscheduler < tests/dropin/api.txt > tests/dropin/apscheduler.json
"""

from __future__ import annotations

import enum
import inspect
import json
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "either",
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_KEYWORD: "**",
}


def describe(found: Any) -> Any:
    """Return what a name stands for: a signature, a class with its members, or the kind of object."""
    if inspect.isclass(found):
        return describe_class(found)
    if callable(found):
        return {"call": signature_of(found)}
    return {"value": type(found).__name__}


def describe_class(cls: type) -> dict[str, Any]:
    """Return the signature of the constructor, and the public members, inherited ones included."""
    if issubclass(cls, enum.Enum):
        return {"values": [member.name for member in cls]}
    members: dict[str, Any] = {}
    for name in dir(cls):
        if name.startswith("_") or hasattr(BaseException, name):
            continue
        member = inspect.getattr_static(cls, name)
        if isinstance(member, (staticmethod, classmethod)):
            members[name] = {"call": signature_of(getattr(cls, name))}
        elif inspect.isfunction(member):
            members[name] = {"call": signature_of(member)[1:]}
        else:
            members[name] = {"value": "attribute"}
    annotated = (name for base in cls.__mro__ for name in inspect.get_annotations(base))
    for name in (*annotated, *(field.name for field in getattr(cls, "__attrs_attrs__", ()))):
        if not name.startswith("_"):
            members.setdefault(name, {"value": "attribute"})
    try:
        constructor = signature_of(cls)
    except (TypeError, ValueError):  # no signature is to be had
        constructor = None
    return {
        "is": [base.__name__ for base in cls.__mro__[1:] if base.__module__ == "builtins"],
        "call": constructor,
        "members": members,
    }


def signature_of(function: Any) -> list[list[Any]]:
    """Return the parameters: name, kind, whether one must be given."""
    return [
        [parameter.name, KINDS[parameter.kind], parameter.default is inspect.Parameter.empty]
        for parameter in inspect.signature(function).parameters.values()
    ]


def describe_names(lines: Iterable[str], package: str) -> dict[str, Any]:
    """Describe what a package has of the names in lines: each a module of APScheduler, and names in it."""
    described: dict[str, Any] = {}
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        module_name, *names = line.split()
        try:
            module = import_module(module_name.replace("apscheduler", package, 1))
        except ModuleNotFoundError:
            continue  # the guide names modules that the package does not have
        place = module_name.removeprefix("apscheduler").removeprefix(".")
        for name in names:
            if hasattr(module, name):
                described[f"{place}.{name}".lstrip(".")] = describe(getattr(module, name))
    return described


if __name__ == "__main__":
    found = describe_names(sys.stdin, sys.argv[1])
    rows = [f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found)]
    sys.stdout.write("{\n" + ",\n".join(rows) + "\n}\n")
