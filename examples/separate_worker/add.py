"""Adds a schedule and a job, and runs neither: that is left to worker.py.

Needs: rota[sqlite]
"""

import os

from tasks import greet

from rota import ConflictPolicy, IntervalTrigger, Scheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

URL = os.environ.get("ROTA_EXAMPLE_URL", "sqlite:///example.sqlite3")

if __name__ == "__main__":
    with Scheduler(SQLAlchemyDataStore(URL)) as scheduler:  # never started: an interface only
        scheduler.add_schedule(
            greet,
            IntervalTrigger(seconds=1),
            id="greet-ada",
            args=["Ada"],
            conflict_policy=ConflictPolicy.replace,
        )
        scheduler.add_job(greet, args=["Grace"])
        print("added", flush=True)
