"""A Starlette application that runs a schedule, in however many processes it is served.

Needs: rota[sqlite], starlette, uvicorn. Run: uvicorn asgi_starlette:app --workers 2
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from rota import AsyncScheduler, ConflictPolicy, IntervalTrigger, task
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

URL = os.environ.get("ROTA_EXAMPLE_URL", "sqlite:///example.sqlite3")


@task(id="tick")
async def tick() -> None:
    print(f"tick in process {os.getpid()}", flush=True)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, AsyncScheduler]]:
    async with AsyncScheduler(SQLAlchemyDataStore(URL)) as scheduler:
        await scheduler.add_schedule(
            tick,
            IntervalTrigger(seconds=1),
            id="every-second",
            conflict_policy=ConflictPolicy.replace,
        )
        await scheduler.start_in_background()
        yield {"scheduler": scheduler}


async def root(request: Request) -> JSONResponse:
    schedules = await request.state.scheduler.get_schedules()
    return JSONResponse({"schedules": [schedule.id for schedule in schedules]})


app = Starlette(lifespan=lifespan, routes=[Route("/", root)])
