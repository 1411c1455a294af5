"""A schedule that survives a restart, and even kill -9, in an SQLite file. Start it twice: each second has one tick.

Needs: rota[sqlite]
"""

import os
from datetime import datetime

from rota import ConflictPolicy, IntervalTrigger, Scheduler, task
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

URL = os.environ.get("ROTA_EXAMPLE_URL", "sqlite:///example.sqlite3")


@task(id="tick")
def tick() -> None:
    print("Hello, the time is", datetime.now(), flush=True)


if __name__ == "__main__":
    with Scheduler(SQLAlchemyDataStore(URL)) as scheduler:
        scheduler.add_schedule(
            tick,
            IntervalTrigger(seconds=1),
            id="every-second",
            conflict_policy=ConflictPolicy.replace,
        )
        scheduler.run_until_stopped()
