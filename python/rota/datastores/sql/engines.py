"""Engines: found for a URL, or taken from the caller."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from sqlalchemy import URL, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from rota.datastores.sql._mysql import MySQL
from rota.datastores.sql._postgresql import PostgreSQL
from rota.datastores.sql._sqlite import SQLite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rota.datastores.sql._dialect import Dialect

__all__ = ["callers_engine", "dialect_of", "engine_for", "second_engine", "with_driver"]

DIALECTS: Mapping[str, type[Dialect]] = {
    "sqlite": SQLite,
    "postgresql": PostgreSQL,
    "mysql": MySQL,
    "mariadb": MySQL,
}


def dialect_of(url: URL) -> Dialect:
    """Return what this store knows of the database at a URL.

    :raises ValueError: if it knows nothing of it
    """
    name = url.get_backend_name()
    try:
        return DIALECTS[name]()
    except KeyError:
        known = ", ".join(DIALECTS)
        raise ValueError(f"the database must be one of {known}, got: {name!r}") from None


def with_driver(url: str | URL) -> URL:
    """Return a URL with a driver: the first installed one that fits, if it names none.

    :raises ValueError: if the database is not known
    """
    url = make_url(url)
    dialect = dialect_of(url)
    if "+" in url.drivername:
        return url
    installed = (driver for driver in dialect.drivers if find_spec(driver))
    driver = next(installed, dialect.drivers[0])
    return url.set(drivername=f"{url.drivername}+{driver}")


def engine_for(url: str | URL, **options: object) -> AsyncEngine:
    """Make an engine that a store has for itself."""
    url = with_driver(url)
    dialect = dialect_of(url)
    # Transactions are ended before a connection is given back, which saves asking the server to do it again.
    defaults = {"pool_reset_on_return": None, **dialect.engine_options(url)}
    engine = create_async_engine(url, **{**defaults, **options})

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(driver_connection: object, _record: object) -> None:
        dialect.connected(driver_connection)

    return engine


def callers_engine(engine: AsyncEngine) -> AsyncEngine:
    """Return an engine of the caller with the isolation that a store relies on.

    :raises ValueError: if its pool has one connection for all, whose transactions would be one
    """
    dialect = dialect_of(engine.url)
    if isinstance(engine.pool, StaticPool) and not dialect.is_private(engine.url):
        raise ValueError(
            "engine_or_url must have a pool with a connection for each transaction, got one with a StaticPool:"
            f" {engine.url!r}"
        )
    return dialect.isolated(engine)


def second_engine(engine: AsyncEngine, *, is_own: bool) -> AsyncEngine | URL | None:
    """Return what connects to the same database in the same way, apart; `None` if nothing can."""
    if dialect_of(engine.url).is_private(engine.url):
        return None
    if is_own:
        return engine.url
    return create_async_engine(engine.url, pool=engine.sync_engine.pool.recreate())
