"""An ASGI application without a framework that runs a schedule, in however many processes it is served.

Needs: rota[sqlite], uvicorn. Run: uvicorn asgi_plain:app --workers 2
"""

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from rota import AsyncScheduler, ConflictPolicy, IntervalTrigger, task
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

URL = os.environ.get("ROTA_EXAMPLE_URL", "sqlite:///example.sqlite3")

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@task(id="tick")
async def tick() -> None:
    print(f"tick in process {os.getpid()}", flush=True)


async def live(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Run the scheduler from the startup of the application to its shutdown."""
    await receive()
    async with AsyncScheduler(SQLAlchemyDataStore(URL)) as scheduler:
        await scheduler.add_schedule(
            tick,
            IntervalTrigger(seconds=1),
            id="every-second",
            conflict_policy=ConflictPolicy.replace,
        )
        await scheduler.start_in_background()
        scope["state"]["scheduler"] = scheduler
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await live(scope, receive, send)
        return
    schedules = await scope["state"]["scheduler"].get_schedules()
    body = json.dumps({"schedules": [schedule.id for schedule in schedules]}).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
