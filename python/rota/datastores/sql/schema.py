"""The version of the tables: they are made, upgraded or refused at the start, under a lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, inspect, select, text
from sqlalchemy.schema import CreateSchema

from rota.datastores.sql._dialect import quoted
from rota.model import RotaError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from rota.datastores.sql._dialect import Dialect
    from rota.datastores.sql.tables import Tables
    from rota.datastores.sql.transactions import Transactions

__all__ = [
    "VERSION",
    "SchemaVersionError",
    "ensure",
    "is_current",
    "prepare",
    "start_over",
    "stored_version",
]

VERSION = 2

Step = Callable[["Connection", "Tables"], None]


def _add_serial_jobs(connection: Connection, tables: Tables) -> None:
    jobs = tables.jobs
    there = {column["name"] for column in inspect(connection).get_columns(jobs.name, jobs.schema)}
    if "serial" not in there:
        name = quoted(connection, jobs)
        statement = f"ALTER TABLE {name} ADD COLUMN serial BOOLEAN NOT NULL DEFAULT false"
        connection.execute(text(statement))


#: what turns tables of a version into those of the next; a step that was cut short must be repeatable
STEPS: Mapping[int, Step] = {1: _add_serial_jobs}


class SchemaVersionError(RotaError, RuntimeError):
    """The tables in the database are of a version that this rota does not work with."""


def stored_version(connection: Connection, tables: Tables) -> int | None:
    """Return the version of the tables in the database, or `None` if there are none."""
    version = tables.version
    if not inspect(connection).has_table(version.name, schema=version.schema):
        return None
    return connection.execute(select(func.max(version.c.version))).scalar_one_or_none()


def is_current(connection: Connection, tables: Tables) -> bool:
    """Tell whether there is nothing to make or to upgrade.

    :raises SchemaVersionError: if the tables are those of a newer rota
    """
    version = stored_version(connection, tables)
    if version is not None and version > VERSION:
        raise SchemaVersionError(
            f"the tables {tables.name}* are of schema version {version}, but this rota knows versions up to {VERSION}:"
            " upgrade rota, or give this one tables of its own with schema= or table_prefix="
        )
    return version == VERSION


async def prepare(transactions: Transactions, *, upgrade: bool) -> None:
    """Make the tables, or upgrade them, unless they are current.

    :raises SchemaVersionError: if they are those of a newer rota, or of an older one and `upgrade` is false
    """
    base = transactions.base
    if not await transactions.read(partial(is_current, tables=base.tables)):
        await transactions.write(
            partial(ensure, dialect=base.dialect, tables=base.tables, upgrade=upgrade),
            _may_be_repeated,  # and there may be no table yet to leave a mark in
            patiently=True,
        )


async def start_over(transactions: Transactions) -> None:
    """Make the tables anew, whatever is in those that may be there, of any version."""
    base = transactions.base
    await transactions.write(
        partial(_start_over, dialect=base.dialect, tables=base.tables), _may_be_repeated
    )


def _may_be_repeated(_: None) -> bool:
    return False


def _start_over(connection: Connection, dialect: Dialect, tables: Tables) -> None:
    with _locked(connection, dialect, tables):
        tables.metadata.drop_all(connection)
        _make(connection, dialect, tables)


@contextmanager
def _locked(connection: Connection, dialect: Dialect, tables: Tables) -> Iterator[None]:
    """Let nobody else change the tables until what was done is committed."""
    dialect.lock_schema(connection, tables.name)
    try:
        yield
        dialect.commit_schema(connection)
    finally:
        dialect.unlock_schema(connection, tables.name)


def ensure(
    connection: Connection,
    dialect: Dialect,
    tables: Tables,
    *,
    upgrade: bool = True,
    steps: Mapping[int, Step] = STEPS,
) -> None:
    """Make the tables, or upgrade them, unless they are current. The caller commits.

    Of several processes that start at once, one does it while the others wait.

    :raises SchemaVersionError: if they are those of a newer rota, or of an older one and `upgrade` is false
    """
    with _locked(connection, dialect, tables):
        if is_current(connection, tables):
            return
        version = stored_version(connection, tables)
        if version is None:
            _make(connection, dialect, tables)
            return
        if not upgrade:
            raise SchemaVersionError(
                f"the tables {tables.name}* are of schema version {version}, but this rota needs version {VERSION}:"
                " upgrade them with `rota db upgrade`"
            )
        for number in range(version, VERSION):
            steps[number](connection, tables)
            _set_version(connection, tables, number + 1)


def _make(connection: Connection, dialect: Dialect, tables: Tables) -> None:
    schema = tables.schema
    if (
        schema is not None
        and dialect.has_schemas
        and schema not in inspect(connection).get_schema_names()
    ):
        connection.execute(CreateSchema(schema, if_not_exists=True))
    tables.metadata.create_all(connection)
    # Tables may be left of a start that was interrupted.
    for table in tables.metadata.tables.values():
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    _set_version(connection, tables, VERSION)


def _set_version(connection: Connection, tables: Tables, version: int) -> None:
    connection.execute(delete(tables.version))
    connection.execute(insert(tables.version).values(version=version))
