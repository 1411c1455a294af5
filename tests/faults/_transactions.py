"""Whether anybody is within a transaction: a process that is frozen there holds locks, which is another matter."""

from __future__ import annotations

import asyncio

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from rota.datastores.sql.engines import with_driver

__all__ = ["any_open"]

QUERIES = {
    "sqlite": "BEGIN IMMEDIATE",  # fails while somebody writes
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx",
}


def any_open(url: str) -> bool:
    """Tell whether there is an open transaction on a server of which nothing else is asked."""
    return asyncio.run(_any_open(url))


async def _any_open(url: str) -> bool:
    full = with_driver(url)
    arguments = {"timeout": 0} if full.get_backend_name() == "sqlite" else {}
    engine = create_async_engine(full, isolation_level="AUTOCOMMIT", connect_args=arguments)
    try:
        async with engine.connect() as connection:
            result = await connection.execute(text(QUERIES[full.get_backend_name()]))
            return bool(result.scalar_one()) if result.returns_rows else False
    except OperationalError:
        return True
    finally:
        await engine.dispose()
