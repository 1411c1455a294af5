"""Engines: found for a URL, or taken from the caller."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from rota._secrets import is_secret
from rota.datastores.sql._mysql import MySQL
from rota.datastores.sql._postgresql import PostgreSQL
from rota.datastores.sql._sqlite import SQLite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

    from rota.datastores.sql._dialect import AnyEngine, Dialect

__all__ = [
    "async_engine_for",
    "callers_engine",
    "dialect_of",
    "engine_for",
    "second_engine",
    "shown",
    "with_driver",
]

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


def engine_for(url: str | URL) -> AnyEngine:
    """Make an engine that a store has for itself; a URL without a driver may give one that is used in threads."""
    url = make_url(url)
    dialect = dialect_of(url)
    if "+" in url.drivername or not dialect.in_threads:
        return async_engine_for(url)
    return _set_up(create_engine(url, **_options(url)))


def async_engine_for(url: str | URL) -> AsyncEngine:
    """Make such an engine with an asynchronous driver."""
    url = with_driver(url)
    engine = create_async_engine(url, **_options(url))
    _set_up(engine.sync_engine)
    return engine


def _options(url: URL) -> dict[str, Any]:
    # Transactions are ended before a connection is given back, which saves asking the server to do it again.
    return {"pool_reset_on_return": None, **dialect_of(url).engine_options(url)}


def shown(url: URL) -> str:
    """Return a URL as it may be shown: without what is secret, be it in its query."""
    query = {name: "***" if is_secret(name) else value for name, value in url.query.items()}
    return url.set(query=query).render_as_string().replace("%2A%2A%2A", "***")


def _set_up(engine: Engine) -> Engine:
    dialect = dialect_of(engine.url)

    @event.listens_for(engine, "connect")
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
            f" {shown(engine.url)}"
        )
    level = engine.get_execution_options().get("isolation_level")
    if level is not None and dialect.isolated(engine) is not engine:
        raise ValueError(
            f"engine_or_url must have no isolation level in its execution options, which no store can override: {level}"
        )
    return dialect.isolated(engine)


def second_engine(engine: AnyEngine, *, is_own: bool) -> AsyncEngine | URL | None:
    """Return what connects to the same database in the same way, apart; `None` if nothing can."""
    if dialect_of(engine.url).is_private(engine.url):
        return None
    if is_own or not isinstance(engine, AsyncEngine):
        return engine.url
    return create_async_engine(engine.url, pool=engine.sync_engine.pool.recreate())
