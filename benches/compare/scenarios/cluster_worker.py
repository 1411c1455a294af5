"""One of several schedulers on PostgreSQL: `cluster_worker.py DATABASE_URL BROKER POLLING_SECONDS`.

It prints "ready" once it runs, and for each job that it has run the number of the job and, in seconds, how long after
the time in its arguments it started. It ends when its standard input is closed.
"""

from __future__ import annotations

import asyncio
import sys
from time import time
from typing import TYPE_CHECKING

from rota import AsyncScheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker

if TYPE_CHECKING:
    from rota.abc import EventBroker

POLLING_ONLY = "polling only"


def broker(name: str, database_url: str) -> EventBroker:
    """Return a broker on the server at the standard port of loopback, or one that reaches nobody."""
    if name == "PostgreSQL, asyncpg":
        from rota.eventbrokers.asyncpg import AsyncpgEventBroker

        return AsyncpgEventBroker(database_url)
    if name == "PostgreSQL, psycopg":
        from rota.eventbrokers.psycopg import PsycopgEventBroker

        return PsycopgEventBroker(database_url)
    if name == "Redis":
        from rota.eventbrokers.redis import RedisEventBroker

        return RedisEventBroker("redis://127.0.0.1", channel="rota-bench")
    if name == "NATS":
        from rota.eventbrokers.nats import NATSEventBroker

        return NATSEventBroker("nats://127.0.0.1:4222", subject="rota-bench")
    if name == "MQTT":
        from rota.eventbrokers.mqtt import MQTTEventBroker

        return MQTTEventBroker("127.0.0.1", topic="rota-bench")
    return LocalEventBroker()


async def report(number: int, since: float) -> None:
    """Print how late this is."""
    print(number, time() - since, flush=True)


async def main() -> None:
    """Run until standard input is closed."""
    url, name, polling_seconds = sys.argv[1:]
    store = SQLAlchemyDataStore(url.replace("postgresql://", "postgresql+asyncpg://"))
    scheduler = AsyncScheduler(store, broker(name, url), polling_interval=float(polling_seconds))
    async with scheduler:
        await scheduler.configure_task("report", func=report, max_running_jobs=1_000_000)
        await scheduler.start_in_background()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
