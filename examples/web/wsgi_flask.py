"""A Flask application that runs a schedule, in however many processes it is served.

Needs: rota[sqlite], flask, gunicorn. Run: gunicorn --workers 2 wsgi_flask:app
"""

import os

from flask import Flask, jsonify
from flask.wrappers import Response

from rota import ConflictPolicy, IntervalTrigger, Scheduler, task
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

URL = os.environ.get("ROTA_EXAMPLE_URL", "sqlite:///example.sqlite3")


@task(id="tick")
def tick() -> None:
    print(f"tick in process {os.getpid()}", flush=True)


app = Flask(__name__)
scheduler = Scheduler(SQLAlchemyDataStore(URL))
scheduler.add_schedule(
    tick, IntervalTrigger(seconds=1), id="every-second", conflict_policy=ConflictPolicy.replace
)
scheduler.start_in_background()  # it stops when the interpreter exits


@app.get("/")
def root() -> Response:
    return jsonify(schedules=[schedule.id for schedule in scheduler.get_schedules()])
