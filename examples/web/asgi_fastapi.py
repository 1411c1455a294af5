"""A FastAPI application that runs a schedule, in however many processes it is served.

Needs: rota[sqlite], fastapi, uvicorn. Run: uvicorn asgi_fastapi:app --workers 2
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request

from rota import AsyncScheduler, ConflictPolicy, IntervalTrigger, task
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

URL = os.environ.get("ROTA_EXAMPLE_URL", "sqlite:///example.sqlite3")


@task(id="tick")
async def tick() -> None:
    print(f"tick in process {os.getpid()}", flush=True)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncScheduler(SQLAlchemyDataStore(URL)) as scheduler:
        await scheduler.add_schedule(
            tick,
            IntervalTrigger(seconds=1),
            id="every-second",
            conflict_policy=ConflictPolicy.replace,
        )
        await scheduler.start_in_background()
        app.state.scheduler = scheduler
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def root(request: Request) -> dict[str, list[str]]:
    scheduler: AsyncScheduler = request.app.state.scheduler
    return {"schedules": [schedule.id for schedule in await scheduler.get_schedules()]}
