"""Processes the schedules and runs the jobs that add.py has added. Start as many as you like.

Needs: rota[sqlite]
"""

import os

import tasks  # noqa: F401 - it registers them

from rota import Scheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore

URL = os.environ.get("ROTA_EXAMPLE_URL", "sqlite:///example.sqlite3")

scheduler = Scheduler(SQLAlchemyDataStore(URL))

if __name__ == "__main__":
    with scheduler:
        scheduler.run_until_stopped()
