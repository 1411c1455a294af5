"""What all transactions are made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from attrs import frozen
from sqlalchemy import select

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from rota.abc import Clock
    from rota.datastores.sql._dialect import Dialect
    from rota.datastores.sql.rows.objects import Objects
    from rota.datastores.sql.tables import Tables

__all__ = ["BATCH", "Base", "Claim", "in_batches"]

T = TypeVar("T")

BATCH = 2_000  #: rows that one statement deals with at most; more take several statements in one transaction


class Claim(NamedTuple):
    """A claim that is being made on what is read.

    :param owner: who makes it
    :param until: when its lease ends
    """

    owner: str
    until: datetime


class Wanted(NamedTuple):
    """Which schedules are to be claimed.

    :param owner: for whom
    :param lease: for how long (µs)
    :param limit: how many at most
    :param ahead: how much later than now they may be due (µs)
    """

    owner: str
    lease: int
    limit: int
    ahead: int


@frozen
class Base:
    """The database, the tables and the serializer of a store."""

    dialect: Dialect
    tables: Tables
    objects: Objects
    clock: Clock

    def now(self, connection: Connection) -> int:
        """Return the time by the clock of the database, in microseconds since 1970."""
        return int(connection.execute(select(self.dialect.now), self.moment()).scalar_one())

    def moment(self) -> dict[str, int]:
        """Return the binds that a statement with the dialect's `now` needs."""
        return self.dialect.moment(self.clock)


def in_batches(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """Yield the items in groups that one statement can deal with."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
