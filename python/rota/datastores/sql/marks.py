"""Marks: rows that tell whether a transaction was committed where the server's answer to that was lost.

The number of a transaction would not do: PostgreSQL gives it out again if it was killed before anything of the
transaction was on disk, and then tells of the wrong one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import define, field
from sqlalchemy import bindparam, insert, update

from rota._environment import new_id

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Insert, Update

    from rota.datastores.sql.tables import Tables

__all__ = ["Mark", "begin", "leave", "of", "settle"]

_MARK = "rota_mark"  #: where a connection keeps the mark of its transaction
_LAST = (
    "rota_last_mark"  #: where it keeps the id of the last one that is known to have been committed
)


@define
class Mark:
    """The mark of one transaction.

    :param last: the id of that of the connection's last transaction, which nobody will ask for, to be replaced by this
    :param is_left: whether the row has been written
    """

    last: UUID | None
    id: UUID = field(factory=new_id)
    is_left: bool = False

    @property
    def binds(self) -> dict[str, Any]:
        """What a statement needs that replaces the last mark by this one among other things."""
        return {"p_mark": self.id, "p_last_mark": self.last}


def begin(connection: Connection) -> Mark:
    """Begin a transaction, and return its mark, which is not written yet."""
    mark = connection.info[_MARK] = Mark(connection.info.get(_LAST))
    return mark


def of(connection: Connection) -> Mark:
    """Return the mark of the present transaction."""
    mark: Mark = connection.info[_MARK]
    return mark


def leave(connection: Connection, tables: Tables, now: ColumnElement[int]) -> None:
    """Write the mark, unless another statement of the transaction has done so."""
    mark = of(connection)
    if not mark.is_left:
        replace, write = _statements(tables, now)
        if mark.last is None or connection.execute(replace, mark.binds).rowcount == 0:
            connection.execute(write, mark.binds)
        mark.is_left = True


def settle(connection: Connection) -> None:
    """Remember that the transaction was committed, and with it the mark, if there is one."""
    mark = of(connection)
    if mark.is_left:
        connection.info[_LAST] = mark.id


@lru_cache
def _statements(tables: Tables, now: ColumnElement[int]) -> tuple[Update, Insert]:
    """Return what replaces the last mark by the present one, and what writes that anew."""
    c = tables.operations.c
    values = {c.id: bindparam("p_mark"), c.at: now}
    replace = update(tables.operations).where(c.id == bindparam("p_last_mark")).values(values)
    return replace, insert(tables.operations).values(values)
