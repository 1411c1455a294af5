"""Rows as PostgreSQL takes many of them: one array for each column."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import LargeBinary, Text, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Insert, Table, TableValuedAlias, Update
    from sqlalchemy.types import TypeEngine
    from typing_extensions import Self

    from rota.datastores.sql._dialect import Values

__all__ = ["Columns", "as_table", "element", "inserting", "parts", "setting", "updating"]

PART_BYTES = (
    32_000_000  #: of arguments and results in one statement, which the server takes a gigabyte of
)


class Columns(NamedTuple):
    """Rows turned into columns. One that has the same value in all rows is that value, else it is an array."""

    names: tuple[str, ...]
    varying: tuple[str, ...]
    binds: dict[str, Any]

    @classmethod
    def of(cls, names: Sequence[str], rows: Sequence[Values]) -> Self:
        varying = []
        binds: dict[str, Any] = {}
        for name, values in zip(names, zip(*rows, strict=True), strict=True):
            if values.count(values[0]) == len(values):
                binds[f"p_{name}"] = values[0]
            else:
                binds[f"p_{name}"] = list(values)
                varying.append(name)
        return cls(tuple(names), tuple(varying), binds)


def parts(table: Table, rows: Sequence[Values]) -> Iterator[Sequence[Values]]:
    """Yield rows in parts of not too many bytes, almost always in one."""
    kinds = [column.type for column in table.columns]
    binary = [index for index, kind in enumerate(kinds) if isinstance(kind, LargeBinary)]
    values = (row[index] for index in binary for row in rows)
    if sum(len(value) for value in values if value) <= PART_BYTES:
        yield rows
        return
    start = size = 0
    for end, row in enumerate(rows):
        more = sum(len(row[index] or b"") for index in binary)
        if size and size + more > PART_BYTES:
            yield rows[start:end]
            start, size = end, 0
        size += more
    yield rows[start:]


def as_table(
    table: Table, names: tuple[str, ...], varying: tuple[str, ...]
) -> tuple[TableValuedAlias | None, dict[str, ColumnElement[Any]]]:
    """Return a table of the arrays of `Columns`, if there is one, and an expression for each column."""
    kinds = {name: element(table.c[name].type) for name in names}
    found: dict[str, ColumnElement[Any]] = {
        name: bindparam(f"p_{name}", type_=kind) for name, kind in kinds.items()
    }
    if not varying:
        return None, found
    arrays = [bindparam(f"p_{name}", type_=ARRAY(kinds[name], dimensions=1)) for name in varying]
    given = func.unnest(*arrays).table_valued(*varying, name="given").render_derived()
    return given, found | {name: given.c[name] for name in varying}


@lru_cache
def inserting(table: Table, names: tuple[str, ...], varying: tuple[str, ...]) -> Insert:
    given, values = as_table(table, names, varying)
    if given is None:
        return insert(table).values(values)
    source = select(*(values[name] for name in names)).select_from(given)
    return insert(table).from_select(names, source)


@lru_cache
def updating(
    table: Table, names: tuple[str, ...], varying: tuple[str, ...], clear: tuple[str, ...]
) -> Update:
    _, values = as_table(table, names, varying)
    return setting(table, values, clear)


def setting(table: Table, values: Mapping[str, ColumnElement[Any]], clear: Iterable[str]) -> Update:
    """Set columns of the rows whose key is the first of them, and others to NULL."""
    key, *others = values
    settings = {name: values[name] for name in others} | dict.fromkeys(clear)
    return update(table).where(table.c[key] == values[key]).values(settings)


def element(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type of an array's elements; they have no collation."""
    return Text() if isinstance(kind, Text) else kind
