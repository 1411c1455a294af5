"""Whether what is described of one package can be used in the way that is described of another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["differences"]

Parameters = list[list[Any]]


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a program that was written for `theirs` would miss: where, and what."""
    for name, wanted in theirs.items():
        if name not in ours:
            yield name, "is not there"
        else:
            yield from _of_object(name, wanted, ours[name])


def _of_object(
    name: str, wanted: dict[str, Any], found: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    if wanted.keys() != found.keys():
        yield name, f"is of another kind: {' '.join(found)}, not {' '.join(wanted)}"
        return
    for value in wanted.get("values", ()):
        if value not in found["values"]:
            yield f"{name}.{value}", "is not there"
    for base in wanted.get("is", ()):
        if base not in found["is"]:
            yield name, f"is no {base}"
    if wanted.get("call") is not None:
        yield from _of_call(name, wanted["call"], found["call"] or [])
    for member, description in wanted.get("members", {}).items():
        ours = found["members"].get(member)
        if ours is None:
            yield f"{name}.{member}", "is not there"
        else:
            yield from _of_object(f"{name}.{member}", description, ours)


def _of_call(name: str, wanted: Parameters, found: Parameters) -> Iterator[tuple[str, str]]:
    by_name = {
        name: (place, kind, required)
        for place, (name, kind, required) in enumerate(found)
        if kind not in ("*", "**")
    }
    kinds = [parameter[1] for parameter in found]
    spread = kinds.index("*") if "*" in kinds else len(found)
    for place, (parameter, kind, required) in enumerate(wanted):
        where = f"{name}({parameter})"
        if kind in ("*", "**"):
            if kind not in kinds:
                yield where, "cannot be given"
            continue
        if parameter not in by_name:
            if kind != "keyword" or "**" not in kinds:
                yield where, "cannot be given"
            continue
        our_place, our_kind, our_required = by_name[parameter]
        if kind != "keyword" and place < spread and (our_kind == "keyword" or our_place != place):
            yield where, "cannot be given by position"
        if our_required and not required:
            yield where, "must be given"
    known = {parameter[0] for parameter in wanted}
    for parameter, kind, required in found:
        if required and kind not in ("*", "**") and parameter not in known:
            yield f"{name}({parameter})", "must be given, too"
