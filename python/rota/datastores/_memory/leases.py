"""Leases: claims of one owner that end at one time."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import define, field

from rota.datastores._memory.agenda import Agenda

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["Lease", "Leases"]

T = TypeVar("T")


@define(eq=False)
class Lease(Generic[T]):
    """What an owner has claimed, or extended, with one call.

    :param owner: the incarnation id of a scheduler
    :param until: when it ends, unless it is extended
    :param items: what is still held
    """

    owner: str
    until: datetime
    items: set[T] = field(factory=set)


class Leases(Generic[T]):
    """All leases that are running or that nobody has looked at since they ended."""

    def __init__(self) -> None:
        self._by_end: Agenda[Lease[T]] = Agenda()
        self._numbers = count()

    def grant(self, owner: str, until: datetime) -> Lease[T]:
        """Open a lease for items that are about to be claimed."""
        lease: Lease[T] = Lease(owner, until)
        self._by_end.put((until, next(self._numbers), lease))
        return lease

    def give_back(self, lease: Lease[T], item: T) -> None:
        """Take an item out of its lease."""
        lease.items.discard(item)
        self.close_if_empty(lease)

    def close_if_empty(self, lease: Lease[T]) -> None:
        """Forget a lease without items."""
        if not lease.items:
            self._by_end.discard(lease)

    def first_end(self) -> datetime | None:
        """Return when the first lease ends, or has ended."""
        first = self._by_end.first()
        return None if first is None else first[0]

    def pop_ended(self, now: datetime) -> Iterator[Lease[T]]:
        """Take out the leases that have ended, one by one."""
        while (end := self.first_end()) is not None and end <= now:
            yield self._by_end.pop()
