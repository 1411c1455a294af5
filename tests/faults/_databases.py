"""The database under a store, past the store."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from rota.datastores.sql.engines import with_driver

__all__ = ["any_open", "query"]

OPEN_TRANSACTIONS = {
    "sqlite": "BEGIN IMMEDIATE",  # fails while somebody writes
    "postgresql": "SELECT 'ACTIVE' FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'",
    "mysql": "SHOW ENGINE INNODB STATUS",  # innodb_trx stays as it is while it is read often
}

ACTIVE = re.compile(r"^(---TRANSACTION .*, )?ACTIVE", re.MULTILINE)


def query(url: str, statement: str, **binds: Any) -> Sequence[Sequence[Any]]:
    """Execute a statement on a connection of its own; return the rows, if it gives any."""
    return asyncio.run(_query(url, statement, binds))


def any_open(url: str) -> bool:
    """Tell whether there is an open transaction in a database that nobody else uses.

    A process that is frozen within one holds locks, which is another matter than holding leases.
    """
    try:
        rows = query(url, OPEN_TRANSACTIONS[with_driver(url).get_backend_name()])
    except OperationalError:
        return True
    return any(ACTIVE.search(str(row[-1])) for row in rows)


async def _query(url: str, statement: str, binds: dict[str, Any]) -> Sequence[Sequence[Any]]:
    full = with_driver(url)
    arguments = {"timeout": 0} if full.get_backend_name() == "sqlite" else {}
    engine = create_async_engine(full, isolation_level="AUTOCOMMIT", connect_args=arguments)
    try:
        async with engine.connect() as connection:
            result = await connection.execute(text(statement), binds)
            return result.all() if result.returns_rows else []
    finally:
        await engine.dispose()
