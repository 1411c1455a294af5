"""Makes `jobs.json` here: what APScheduler 3 stores of jobs of every kind. It is to be run where that is installed.

python make_jobs.py 3.11.3   # the version that is installed, with SQLAlchemy and pytz; it is the key of what is made
"""

from __future__ import annotations

import base64
import json
import sqlite3
import sys
import tempfile
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

JOBS = Path(__file__).with_name("jobs.json")


class Mine:
    """A class of the user's."""

    def __init__(self, value: int) -> None:
        self.value = value


def add_jobs(scheduler: Any) -> None:
    """Add jobs of every kind."""
    import pytz
    from apscheduler.triggers.combining import AndTrigger, OrTrigger
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    start = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def add(id_: str, trigger: Any, function: str = "shutil:copyfile", **options: Any) -> None:
        options = {"args": ["a", "b"], **options}
        scheduler.add_job(function, trigger, id=id_, **options)

    paris = pytz.timezone("Europe/Paris")
    utc = {"timezone": pytz.utc}
    add("cron", CronTrigger(day_of_week="0-4", hour=9, minute=30, timezone=paris), max_instances=3)
    add("cron every other weekday", CronTrigger(day_of_week="*/2", hour=1, **utc))
    add(
        "cron of many fields",
        CronTrigger(
            year="2027-2099/2",
            month="jan,mar-may",
            day="last,3rd fri,15-20",
            week="*/2",
            hour="*",
            start_date=start,
            end_date=datetime(2099, 1, 1, tzinfo=timezone.utc),
            **utc,
        ),
    )
    add("jitter", CronTrigger(minute="*/5", jitter=20, **utc), misfire_grace_time=None)
    add("interval", IntervalTrigger(weeks=1, seconds=5, start_date=start, **utc), coalesce=False)
    add("date", "date", run_date=datetime(2090, 1, 1, 12, tzinfo=timezone.utc))
    try:
        from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
    except ImportError:  # before 3.11
        pass
    else:
        monthly = {"months": 1, "hour": 3, "start_date": "2026-01-31", "timezone": "Europe/Berlin"}
        add("calendar", CalendarIntervalTrigger(**monthly))
    mondays, noons = CronTrigger(day_of_week="mon", **utc), CronTrigger(hour="0,12", **utc)
    add("and", AndTrigger([mondays, noons]))
    add("or", OrTrigger([CronTrigger(day_of_week="sun", **utc), CronTrigger(hour=2, **utc)]))
    add("paused", IntervalTrigger(minutes=5, start_date=start, **utc), next_run_time=None)
    add("one of its function", "interval", "os:getpid", args=[], hours=1, executor="reports")
    add(
        "arguments",
        "interval",
        hours=1,
        args=[{1, 2}, Decimal("1.5")],
        kwargs={"follow_symlinks": start},
    )
    add("class", "interval", hours=1, args=[Mine(1), 2])


def stored() -> list[dict[str, object]]:
    """Return the rows of a job store."""
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from apscheduler.schedulers.background import BackgroundScheduler

    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "jobs.sqlite")
        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.add_jobstore(SQLAlchemyJobStore(url=f"sqlite:///{file}"))
        scheduler.add_executor("threadpool", "reports")
        scheduler.start(paused=True)
        add_jobs(scheduler)
        with sqlite3.connect(file) as connection:
            rows = connection.execute("select id, next_run_time, job_state from apscheduler_jobs")
            return [
                {"id": id_, "next_run_time": at, "job_state": base64.b64encode(state).decode()}
                for id_, at, state in rows
            ]


if __name__ == "__main__":
    sys.modules["mine"] = sys.modules["__main__"]
    Mine.__module__ = "mine"
    known = json.loads(JOBS.read_text()) if JOBS.exists() else {}
    known[sys.argv[1]] = stored()
    JOBS.write_text(json.dumps(known, indent=1) + "\n")
