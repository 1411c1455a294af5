"""Instants as 64-bit integers in memory, which others read without a copy."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["micros"]


def micros(values: Iterable[int]) -> memoryview:
    """Return a view of the values, which cannot be written."""
    return memoryview(array("q", values)).toreadonly()
