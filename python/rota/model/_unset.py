"""The marker for an argument that was not given, where `None` has a meaning of its own."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, TypeAlias

__all__ = ["UnsetValue", "unset"]


class _Unset(Enum):
    unset = "unset"

    def __repr__(self) -> str:
        return "unset"

    def __bool__(self) -> Literal[False]:
        return False


UnsetValue: TypeAlias = Literal[_Unset.unset]
unset: Final = _Unset.unset  #: "not given: take the value from the level above"
