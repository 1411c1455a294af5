"""A WSGI application without a framework that runs a schedule, in however many processes it is served.

Needs: rota[sqlite], gunicorn. Run: gunicorn --workers 2 wsgi_plain:app
"""

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from rota import ConflictPolicy, IntervalTrigger, Scheduler, task
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

URL = os.environ.get("ROTA_EXAMPLE_URL", "sqlite:///example.sqlite3")


@task(id="tick")
def tick() -> None:
    print(f"tick in process {os.getpid()}", flush=True)


scheduler = Scheduler(SQLAlchemyDataStore(URL))
scheduler.add_schedule(
    tick, IntervalTrigger(seconds=1), id="every-second", conflict_policy=ConflictPolicy.replace
)
scheduler.start_in_background()  # it stops when the interpreter exits


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"schedules": [each.id for each in scheduler.get_schedules()]}).encode()]
