"""A priority queue whose entries can be moved and withdrawn."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

__all__ = ["Agenda", "Entry"]

K = TypeVar("K", bound="Hashable")

#: What the order goes by, then something unique, and last the key.
Entry: TypeAlias = tuple[Any, ...]

_SLACK = 64


class Agenda(Generic[K]):
    """Keys in the order of their entries, each at most once.

    Moving or withdrawing a key leaves its old entry in the heap, where it is passed over when it comes up. Once these
    outnumber the others the heap is built anew, so that everything takes logarithmic time in the mean.
    """

    __slots__ = ("_current", "_heap")

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._current: dict[K, Entry] = {}

    def __len__(self) -> int:
        return len(self._current)

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over all entries, in no particular order."""
        return iter(self._current.values())

    def put(self, entry: Entry) -> None:
        """Put the key `entry[-1]` where the entry says, wherever it was before."""
        if self._current.get(entry[-1]) == entry:
            return
        self._current[entry[-1]] = entry
        heappush(self._heap, entry)
        if len(self._heap) > 2 * len(self._current) + _SLACK:
            self._heap = list(self._current.values())
            heapify(self._heap)

    def discard(self, key: K) -> None:
        """Withdraw a key, if it is there."""
        self._current.pop(key, None)

    def first(self) -> Entry | None:
        """Return the first entry, or `None` if there is none."""
        heap, current = self._heap, self._current
        while heap:
            entry = heap[0]
            if current.get(entry[-1]) is entry:
                return entry
            heappop(heap)
        return None

    def pop(self) -> K:
        """Take out the first key.

        :raises IndexError: if there is none
        """
        current = self._current
        while True:
            entry = heappop(self._heap)
            key = cast("K", entry[-1])
            if current.get(key) is entry:
                del current[key]
                return key
