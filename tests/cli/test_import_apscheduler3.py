"""`rota import-apscheduler3`, on what versions 3.10 and 3.11 have stored (see `apscheduler3/make_jobs.py`)."""

from __future__ import annotations

import base64
import json
import os
import pickle
import sqlite3
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

import anyio
import pytest
from sqlalchemy import Column, Float, LargeBinary, MetaData, String, Table

from rota import CoalescePolicy, Schedule, Scheduler, Task
from rota.datastores.sql.engines import async_engine_for
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from tests._services import drop_tables, need

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Command

pytestmark = pytest.mark.once

Row: TypeAlias = "tuple[str, float | None, bytes]"
STORED: dict[str, list[Row]] = {
    version: [(row["id"], row["next_run_time"], base64.b64decode(row["job_state"])) for row in rows]
    for version, rows in json.loads(
        Path(__file__).with_name("apscheduler3").joinpath("jobs.json").read_text()
    ).items()
}
ROWS = {row[0]: row for row in STORED["3.11.3"]}
UNTRUSTED = {"class": "it has mine:Mine; if you trust that: --trust mine:Mine"}


def write(file: Path, rows: list[Row], table: str = "apscheduler_jobs") -> str:
    with closing(sqlite3.connect(file)) as connection, connection:  # the inner one only commits
        connection.execute(f"create table {table} (id primary key, next_run_time, job_state)")
        connection.executemany(f"insert into {table} values (?, ?, ?)", rows)
    return f"sqlite:///{file}"


@pytest.fixture
def look(rota: Command, tmp_path: Path) -> Callable[..., tuple[dict[str, Any], dict[str, str]]]:
    """Show what becomes of rows, and which cannot be taken over and why."""

    def look(
        rows: list[Row], *options: str, status: int = 0
    ) -> tuple[dict[str, Any], dict[str, str]]:
        url = write(tmp_path / "jobs.sqlite3", rows)
        shown = rota("import-apscheduler3", url, "--dry-run", "--json", *options, status=status)
        answer = json.loads(shown.stdout)
        assert len(shown.stderr.splitlines()) == len(answer["failed"])
        return {each["id"]: each for each in answer["schedules"]}, answer["failed"]

    return look


TRIGGERS = {
    "cron": (
        "CronTrigger(year='*', month='*', day='*', week='*', day_of_week='mon,tue,wed,thu,fri', hour='9', minute='30',"
        " second='0', start_time='2026-11-25T08:30:00+00:00', timezone='Europe/Paris')",
        "2026-11-25T09:30:00+01:00",
    ),
    "cron every other weekday": (
        "CronTrigger(year='*', month='*', day='*', week='*', day_of_week='mon,wed,fri,sun', hour='1', minute='0',"
        " second='0', start_time='2026-11-27T01:00:00+00:00', timezone='UTC')",
        "2026-11-27T01:00:00+00:00",
    ),
    "cron of many fields": (
        "CronTrigger(year='2027-2099/2', month='1,3-5', day='last,3rd fri,15-20', week='*/2', day_of_week='*',"
        " hour='*', minute='0', second='0', start_time='2026-01-01T00:00:00+00:00',"
        " end_time='2099-01-01T00:00:00+00:00', timezone='UTC')",
        "2027-01-18T00:00:00+00:00",
    ),
    "interval": (
        "IntervalTrigger(days=7, seconds=5, start_time='2026-01-01T00:00:00+00:00')",
        "2026-11-26T00:03:55+00:00",
    ),
    "date": ("DateTrigger(run_time='2090-01-01T12:00:00+00:00')", "2090-01-01T12:00:00+00:00"),
    # it was to run while no scheduler was there, and has not been run since
    "calendar": (
        "CalendarIntervalTrigger(months=1, hour=3, start_date='2026-01-31', timezone='Europe/Berlin')",
        "2026-01-31T03:00:00+01:00",
    ),
}


@pytest.mark.parametrize("id_", TRIGGERS)
def test_trigger_is_translated_and_goes_on_where_it_was(id_: str, look: Callable[..., Any]) -> None:
    schedules, _ = look([ROWS[id_]])
    assert (schedules[id_]["trigger"], schedules[id_]["next_fire_time"]) == TRIGGERS[id_]


def test_combination_goes_on_where_it_was(look: Callable[..., Any]) -> None:
    schedules, _ = look([ROWS["and"], ROWS["or"]])
    assert schedules["and"]["next_fire_time"] == "2026-11-30T00:00:00+00:00"
    assert schedules["and"]["trigger"].startswith("AndTrigger([CronTrigger(")
    assert schedules["and"]["trigger"].endswith("threshold=datetime.timedelta(0))")
    assert schedules["or"]["next_fire_time"] == "2026-11-26T02:00:00+00:00"


def test_settings_are_translated(look: Callable[..., Any]) -> None:
    schedules, _ = look([ROWS[id_] for id_ in ("cron", "jitter", "interval", "paused")])
    assert {id_: each["misfire_grace_time"] for id_, each in schedules.items()} == {
        "cron": 1.0,
        "jitter": None,
        "interval": 1.0,
        "paused": 1.0,
    }
    assert [schedules[id_]["coalesce"] for id_ in ("cron", "interval")] == ["latest", "all"]
    assert [schedules[id_]["max_running_jobs"] for id_ in ("cron", "interval")] == [3, 1]
    assert [schedules[id_]["max_jitter"] for id_ in ("cron", "jitter")] == [None, 20.0]
    assert [schedules[id_]["paused"] for id_ in ("cron", "paused")] == [False, True]
    # chance had moved it to four seconds after the full five minutes
    assert schedules["jitter"]["next_fire_time"] == "2026-11-25T08:30:00+00:00"


def test_function_of_several_jobs_becomes_a_task_for_each(look: Callable[..., Any]) -> None:
    schedules, _ = look([ROWS["cron"], ROWS["interval"], ROWS["one of its function"]])
    assert schedules["one of its function"]["task_id"] == "os:getpid"
    assert schedules["cron"]["task_id"] == "shutil:copyfile (cron)"
    assert "others run the same function" in schedules["cron"]["notes"][-1]


def test_executor_that_rota_does_not_have_is_noted(look: Callable[..., Any]) -> None:
    schedules, _ = look([ROWS["one of its function"], ROWS["cron"]], "--executor", "async")
    assert schedules["one of its function"]["job_executor"] == "reports"
    assert schedules["one of its function"]["notes"] == [
        "the schedulers need an executor named 'reports'"
    ]
    assert schedules["cron"]["job_executor"] == "async"


def test_class_of_the_user_is_refused_unless_trusted(
    look: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = ModuleType("mine")
    exec("class Mine:\n    pass", module.__dict__)
    monkeypatch.setitem(sys.modules, "mine", module)
    schedules, failed = look([ROWS["class"], ROWS["date"]], status=1)
    assert (list(schedules), failed) == (["date"], UNTRUSTED)
    (tmp_path / "jobs.sqlite3").unlink()
    schedules, failed = look([ROWS["class"]], "--trust", "mine:Mine")
    assert (list(schedules), failed) == (["class"], {})


class Hostile:
    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


def test_pickle_calls_nothing(look: Callable[..., Any], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    rows = [
        ("1", None, pickle.dumps(Hostile(os.system, f"touch {mark}"))),
        ("2", None, pickle.dumps(Hostile(getattr, ZoneInfo, "from_file"))),
        ("3", None, pickle.dumps(Hostile(getattr, "", "__class__"))),
        ("4", None, pickle.dumps(Hostile(eval, f"open({str(mark)!r}, 'w')"))),
        ("5", None, b"cos\nsystem\n(S'touch " + os.fsencode(mark) + b"'\ntR."),
        ("6", None, pickle.dumps({"version": 1, "id": "6", "func": Hostile(exec, "1")})),
    ]
    schedules, failed = look(rows, status=1)
    assert not schedules
    assert not mark.exists()
    assert {id_: reason.split(";")[0] for id_, reason in failed.items()} == {
        "1": "it has posix:system",
        "2": "it has builtins:getattr",
        "3": "it has builtins:getattr",
        "4": "it has builtins:eval",
        "5": "it has os:system",
        "6": "it has builtins:exec",
    }


def test_what_is_no_job_is_told_and_the_others_are_taken_over(look: Callable[..., Any]) -> None:
    rows = [
        ("empty", None, b""),
        ("cut", None, ROWS["cron"][2][:200]),
        ("number", None, pickle.dumps(5)),
        ("version", None, pickle.dumps({"version": 2, "id": "", "func": "", "trigger": None})),
        ("trigger", None, pickle.dumps({"version": 1, "id": "", "func": "a:b", "trigger": 1})),
        ("function", None, pickle.dumps({"version": 1, "id": "", "func": 5, "trigger": 1})),
        ("time", float("inf"), ROWS["interval"][2]),
        ROWS["date"],
    ]
    schedules, failed = look(rows, status=1)
    assert list(schedules) == ["date"]
    assert failed == {
        "empty": "it is damaged: EOFError: Ran out of input",
        "cut": failed["cut"],
        "number": "it is no job of APScheduler 3",
        "version": "its version must be 1, got: 2",
        "trigger": "rota has no trigger like its int",
        "function": "its function must be a reference, got: 5",
        "time": "its next run time must be a time, got: inf",
    }
    assert failed["cut"].startswith("it is damaged: ")


@pytest.mark.parametrize("version", STORED)
@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mariadb"])
def test_jobs_become_schedules(rota: Command, tmp_path: Path, version: str, database: str) -> None:
    if database == "sqlite":
        source = write(tmp_path / "jobs.sqlite3", STORED[version], table="jobs3")
    else:
        source = f"{database}://{'postgres' if database == 'postgresql' else 'root'}@{need(database)}/test"
        drop_tables(source, "jobs3")
        anyio.run(_write_on_server, source, STORED[version])
    target = f"sqlite:///{tmp_path / 'rota.sqlite3'}"
    rota("db", "upgrade", "--store", target)
    command = ("import-apscheduler3", source, "--table", "jobs3", "--store", target)
    try:
        rota(*command, status=1)  # for the class that is not trusted
        with Scheduler(SQLAlchemyDataStore(target)) as scheduler:
            schedules = {each.id: each for each in scheduler.get_schedules()}
            tasks = {each.id: each for each in scheduler.get_tasks()}
            scheduler.pause_schedule("interval")
        again = rota(*command, status=1)
        with Scheduler(SQLAlchemyDataStore(target)) as scheduler:
            assert scheduler.get_schedule("interval").paused  # as it was changed meanwhile
    finally:
        drop_tables(source, "jobs3")
    assert again.stdout.count("existed already") == len(schedules)
    _check(schedules, tasks, {row[0] for row in STORED[version]} - {"class"})


def _check(schedules: dict[str, Schedule], tasks: dict[str, Task], ids: set[str]) -> None:
    assert schedules.keys() == ids
    cron = schedules["cron"]
    assert tasks[cron.task_id].func == "shutil:copyfile"
    assert tasks[cron.task_id].max_running_jobs == 3
    assert tasks["os:getpid"].max_running_jobs == 1
    assert cron.args == ("a", "b")
    assert cron.misfire_grace_time == timedelta(seconds=1)
    assert schedules["interval"].coalesce is CoalescePolicy.all
    assert schedules["arguments"].args[0] == {1, 2}
    assert schedules["paused"].paused


async def _write_on_server(url: str, rows: list[Row]) -> None:
    table = Table(
        "jobs3",
        MetaData(),
        Column("id", String(191), primary_key=True),
        Column("next_run_time", Float(25)),
        Column("job_state", LargeBinary),
    )
    engine = async_engine_for(url)
    async with engine.begin() as connection:
        await connection.run_sync(table.metadata.create_all)
        values = [{"id": id_, "next_run_time": at, "job_state": state} for id_, at, state in rows]
        await connection.execute(table.insert(), values)
    await engine.dispose()


def test_where_to_write_must_be_said(rota: Command, tmp_path: Path) -> None:
    url = write(tmp_path / "jobs.sqlite3", [ROWS["date"]])
    shown = rota("import-apscheduler3", url, status=2)
    assert "--dry-run" in shown.stderr


def test_store_that_is_not_there_is_one_clear_line(rota: Command, tmp_path: Path) -> None:
    absent = tmp_path / "absent.sqlite3"
    shown = rota("import-apscheduler3", f"sqlite:///{absent}", "--dry-run", status=1)
    assert shown.stderr == f"rota: there is no file {absent}\n"
    assert not absent.exists()
    url = write(tmp_path / "jobs.sqlite3", [])
    shown = rota("import-apscheduler3", url, "--dry-run", "--table", "others", status=1)
    assert shown.stderr == "rota: the job store cannot be read: no such table: others\n"
