"""The command line, against each database: what it prints, and what it says of errors."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rota import CronTrigger, IntervalTrigger, JobOutcome, Scheduler
from rota._environment import new_id
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from tests._services import drop_tables, need
from tests.cli._tasks import greet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Command

pytestmark = pytest.mark.once


class Store:
    """A data store with something in it, and the options that lead there."""

    def __init__(self, rota: Command, url: str, prefix: str = "rota_") -> None:
        self.rota = rota
        self.options = ("--store", url, "--table-prefix", prefix)
        self.url, self.prefix = url, prefix

    def open(self) -> Scheduler:
        return Scheduler(SQLAlchemyDataStore(self.url, table_prefix=self.prefix))

    def __call__(self, *arguments: object, status: int = 0) -> str:
        return self.rota(*arguments, *self.options, status=status).stdout

    def json(self, *arguments: object, status: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", status=status))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def store(request: pytest.FixtureRequest, rota: Command, tmp_path: Path) -> Iterator[Store]:
    url = {
        "sqlite": lambda: f"sqlite:///{tmp_path / 'store.sqlite3'}",
        "postgresql": lambda: f"postgresql://postgres@{need('postgresql')}/test",
        "mariadb": lambda: f"mariadb://root@{need('mariadb')}/test",
    }[request.param]()
    store = Store(rota, url, f"cli{new_id().hex[-8:]}_")
    with store.open() as scheduler:
        scheduler.add_schedule(
            greet, CronTrigger(hour=3, timezone="UTC"), id="nightly", args=["Ada"]
        )
        scheduler.add_schedule(
            greet, IntervalTrigger(minutes=10), id="often", args=["Bob"], paused=True
        )
        scheduler.add_job(greet, args=["Grace"])
    yield store
    drop_tables(url, store.prefix)


def test_schedules_from_list_to_remove(store: Store) -> None:
    schedules = store.json("schedules", "list")
    assert [(s["id"], s["state"], s["args"]) for s in schedules] == [
        ("nightly", "active", ["Ada"]),
        ("often", "paused", ["Bob"]),
    ]
    header, first, *_ = store("schedules", "list").splitlines()
    assert header.split("\t")[:3] == ["id", "task", "state"]
    assert first.startswith("nightly\tgreet\tactive\t")

    assert store("schedules", "pause", "nightly") == "paused nightly\n"
    assert store.json("schedules", "show", "nightly")["state"] == "paused"
    assert store("schedules", "resume", "nightly", "--from-now") == "resumed nightly\n"
    job_id = store.json("schedules", "run", "nightly")["job_id"]
    assert store.json("jobs", "show", job_id)["args"] == ["Ada"]
    assert store("schedules", "remove", "nightly") == "removed nightly\n"
    assert [s["id"] for s in store.json("schedules", "list")] == ["often"]


def test_jobs_and_tasks(store: Store) -> None:
    (job,) = store.json("jobs", "list", "--task", "greet")
    assert (job["task_id"], job["state"], job["args"]) == ("greet", "waiting", ["Grace"])
    assert store.json("jobs", "list", "--task", "other") == []
    assert store("jobs", "cancel", job["id"]) == f"cancelled {job['id']}\n"
    assert store.json("jobs", "list") == []

    (found,) = store.json("tasks", "list")
    assert found["id"] == "greet"
    assert store.json("tasks", "show", "greet")["running_jobs"] == 0
    job_id = store.json("tasks", "run", "greet", "--args", '["Eve"]')["job_id"]
    assert store.json("jobs", "show", job_id)["args"] == ["Eve"]
    assert (
        "is still in use by schedules or jobs"
        in store.rota("tasks", "remove", "greet", *store.options, status=1).stderr
    )


def test_result_is_shown_after_the_job_has_ended(rota: Command, tmp_path: Path) -> None:
    store = Store(rota, f"sqlite:///{tmp_path / 'store.sqlite3'}")
    with store.open() as scheduler:
        scheduler.start_in_background()
        job_id = scheduler.add_job(greet, args=["Ada"], result_expiration_time=600)
        result = scheduler.get_job_result(job_id)
        assert result is not None
        assert result.outcome is JobOutcome.success
    shown = store.json("jobs", "show", job_id)
    assert (shown["outcome"], shown["return_value"]) == ("success", "hello Ada")


def test_forecast_counts_by_hour_and_by_task(store: Store, tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    start = "2035-01-01T00:00:00+00:00"
    options = ["--from", start, "--hours", 72, "--tz", "UTC", "--svg", chart]
    forecast = store.json("forecast", *options)
    assert (forecast["schedules"], forecast["runs"]) == (1, 3)
    assert forecast["by_task"] == {"greet": 3}
    hours = {each["hour"][11:13] for each in forecast["by_hour"] if each["runs"]}
    # (from, to]: 03:00 belongs to the hour that begins then
    assert hours == {"03"}
    assert forecast["busiest_minute"] == {"minute": "2035-01-01T03:00:00+00:00", "runs": 1}
    assert chart.read_text(encoding="utf-8").count("<rect") == 72
    assert "3 runs of 1 schedule " in store("forecast", *options)


def test_doctor_finds_nothing_wrong_with_what_is_well(store: Store) -> None:
    findings = store.json("doctor")
    assert all(finding["ok"] for finding in findings)
    assert {finding["what"] for finding in findings} >= {"data store", "tables", "clock", "jobs"}


def test_tables_are_shown_and_made(rota: Command, tmp_path: Path) -> None:
    options = ["--store", f"sqlite:///{tmp_path / 'new.sqlite3'}"]
    (tmp_path / "new.sqlite3").touch()
    assert json.loads(rota("db", "show", "--json", *options).stdout)["state"] == "no tables"
    assert rota("doctor", *options, status=1).stdout.splitlines()[-1].startswith("BAD  tables")
    assert "there were none" in rota("db", "upgrade", *options).stdout
    assert json.loads(rota("db", "show", "--json", *options).stdout)["state"] == "current"
    assert rota("doctor", *options).stdout


def test_doctor_names_what_is_wrong(rota: Command, tmp_path: Path) -> None:
    store = Store(rota, f"sqlite:///{tmp_path / 'store.sqlite3'}")
    with store.open() as scheduler:
        scheduler.add_schedule(greet, IntervalTrigger(hours=1, start_time="2020-01-01"), id="late")
    findings = {f["what"]: f for f in store.json("doctor", status=1)}
    assert findings["schedules overdue for more than a minute"]["found"] == "1: late"


def test_next_says_it_in_words_and_times(rota: Command) -> None:
    options = ["--tz", "Europe/Berlin", "--after", "2025-03-28T12:00:00", "-n", 3]
    lines = rota("next", "30 2 * * mon-sun", *options).stdout.splitlines()
    assert lines[:4] == [
        "At 02:30 every day",
        "  Sat 2025-03-29 02:30:00+01:00",
        "  Sun 2025-03-30 03:00:00+02:00",
        "  Mon 2025-03-31 02:30:00+02:00",
    ]
    changes = [line for line in lines if line.startswith("The clocks go ")]
    days = [line.partition(" on ")[2].partition(";")[0] for line in changes]
    assert days == ["30 March 2025", "26 October 2025", "29 March 2026"]
    found = json.loads(rota("next", "0 0 30 2 *", "--json").stdout)
    assert found["next"] == []


def test_output_cannot_move_the_cursor(rota: Command, tmp_path: Path) -> None:
    """An id may have any characters; what is printed has only printable ones."""
    store = Store(rota, f"sqlite:///{tmp_path / 'store.sqlite3'}")
    with store.open() as scheduler:
        scheduler.add_schedule(greet, IntervalTrigger(hours=1), id="a\x1b[2J\nb", args=["x"])
    assert "a\\x1b[2J\\nb\tgreet" in store("schedules", "list")


PROGRAM = """
from rota import AsyncScheduler, IntervalTrigger, Scheduler

scheduler = Scheduler()
not_one = 5

def make():
    return AsyncScheduler()
"""


class Gone:
    """An argument whose class will not be there any more."""


def test_schedule_that_cannot_be_read_is_reported_and_can_be_removed(
    rota: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(rota, f"sqlite:///{tmp_path / 'store.sqlite3'}")
    with store.open() as scheduler:
        scheduler.add_schedule(greet, IntervalTrigger(hours=1), id="sound", args=["Ada"])
        scheduler.add_schedule(greet, IntervalTrigger(hours=1), id="broken", args=[Gone()])
    monkeypatch.delattr(sys.modules[__name__], "Gone")
    result = rota("schedules", "list", "--json", *store.options)
    assert [schedule["id"] for schedule in json.loads(result.stdout)] == ["sound"]
    assert result.stderr.startswith("rota: unreadable: schedule broken: ")
    examined = rota("doctor", *store.options, status=1)
    assert "BAD  schedules and jobs that cannot be read: 1" in examined.stdout
    assert "unreadable: schedule broken" in examined.stderr
    assert store("schedules", "remove", "broken") == "removed broken\n"
    assert rota("schedules", "list", *store.options).stderr == ""


def test_looking_at_what_is_not_there_makes_nothing(rota: Command, tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite3"
    result = rota("schedules", "list", "--store", f"sqlite:///{path}", status=1)
    assert result.stderr == f"rota: there is no file {path}\n"
    assert not path.exists()
    path.touch()
    result = rota("jobs", "list", "--store", f"sqlite:///{path}", status=1)
    assert "rota db upgrade" in result.stderr


@pytest.mark.parametrize("name", ["scheduler", "make"])
def test_run_runs_the_scheduler_of_a_program_until_it_is_told_to_stop(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "rota.cli", "run", "-v", f"program:{name}"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "scheduler started" in line:
                process.send_signal(signal.SIGTERM)
                break
        rest = process.stderr.read()
        assert process.wait(60) == 0, rest
    assert "scheduler stopped" in rest


def test_help_names_every_command(rota: Command) -> None:
    shown = rota("--help").stdout
    for name in ("next", "run", "schedules", "jobs", "tasks", "forecast", "db", "doctor"):
        assert f"\n  {name} " in shown
        assert rota(name, "--help").stdout
