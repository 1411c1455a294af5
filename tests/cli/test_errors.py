"""Whatever is wrong with a command gives one clear line on standard error, and a status that is not zero."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rota import IntervalTrigger, Scheduler
from rota.cli import main
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from tests._services import need
from tests.cli._tasks import greet

if TYPE_CHECKING:
    from tests.cli.conftest import Command

pytestmark = pytest.mark.once

FAILED, MISUSED = 1, 2
NO_JOB = "00000000-0000-0000-0000-000000000001"
UNREACHABLE = "postgresql://someone:hush-hush@127.0.0.1:1/x"


class Gone:
    """An argument whose class will not be there any more."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a folder with a store, and with files that are none; and be in it."""
    store = SQLAlchemyDataStore(f"sqlite:///{tmp_path / 'store.db'}")
    with Scheduler(SQLAlchemyDataStore(f"sqlite:///{tmp_path / 'sound.db'}")):
        pass
    with Scheduler(store) as scheduler:
        scheduler.add_schedule(greet, IntervalTrigger(hours=1), id="sound", args=["Ada"])
        scheduler.add_schedule(greet, IntervalTrigger(hours=1), id="broken", args=[Gone()])
    monkeypatch.delattr(sys.modules[__name__], "Gone")
    (tmp_path / "empty.db").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("no database, " * 1000)
    (tmp_path / "short.key").write_text("hush-hush")
    (tmp_path / "faulty.py").write_text("import nowhere_at_all\n")
    (tmp_path / "program.py").write_text("not_one = 5\ndef broken(): 1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rota.cli._store.ANSWER_SECONDS", 0.1)
    monkeypatch.delenv("ROTA_STORE", raising=False)
    return tmp_path


STORE = "-s sqlite:///store.db"

#: the command line, the status, what the line says
CASES = [
    # what is asked for
    ("nothing", MISUSED, "no such command 'nothing'; see: rota --help"),
    ("--nothing", MISUSED, "no such option"),
    ("schedules nothing", MISUSED, "no such command 'nothing'; see: rota schedules --help"),
    ("schedules list --nothing", MISUSED, "see: rota schedules list --help"),
    (f"schedules show {STORE}", MISUSED, "missing argument 'SCHEDULE_ID'"),
    (f"schedules show a b {STORE}", MISUSED, "unexpected extra argument (b)"),
    ("schedules list --json=yes", MISUSED, "does not take a value"),
    ("schedules list -s", MISUSED, "requires an argument"),
    ("next", MISUSED, "missing argument 'EXPRESSION'"),
    (["next", "0 9 * * *", "-n", "many"], MISUSED, "'many' is not a valid integer"),
    (["next", "0 9 * * *", "-n", "-1"], MISUSED, "-1 is not in the range"),
    (["next", "0 9 * * *", "--gap", "jump"], MISUSED, "'jump' is not one of"),
    (
        ["next", "* * *"],
        MISUSED,
        "invalid value for EXPRESSION: cron expression must have 5 fields",
    ),
    (["next", ""], MISUSED, "cron expression must not be empty"),
    (
        ["next", "61 * * * *"],
        MISUSED,
        "invalid value for EXPRESSION: minute must be in 0-59, got: 61",
    ),
    (["next", "0 9 * * *\n0 10 * * *"], MISUSED, "must have 5 fields"),
    (
        ["next", "0 9 * * *", "--tz", "Mars/Base"],
        MISUSED,
        "invalid value for --tz: timezone must be an IANA name",
    ),
    (["next", "0 9 * * *", "--tz", ""], MISUSED, "timezone must be an IANA name"),
    (
        ["next", "0 9 * * *", "--after", "soon"],
        MISUSED,
        "invalid value for --after: the time must be",
    ),
    (["next", "0 9 * * *", "--after", "9999-12-31T23:00:00", "--tz", "UTC"], FAILED, "range"),
    # the store
    ("schedules list", MISUSED, "missing option '-s' / '--store'"),
    ("schedules list -s nonsense", MISUSED, "invalid value for --store"),
    ("schedules list -s oracle://x/y", MISUSED, "the database must be one of"),
    ("schedules list -s sqlite:///none.db", FAILED, "there is no file none.db"),
    ("schedules list -s sqlite:///empty.db", FAILED, "rota db upgrade"),
    ("schedules list -s sqlite:///folder", FAILED, "unable to open database file"),
    ("schedules list -s sqlite:///notes.txt", FAILED, "file is not a database"),
    (f"schedules list {STORE} --schema elsewhere", FAILED, "rota db upgrade"),
    (f"schedules list {STORE} --table-prefix other_", FAILED, "rota db upgrade"),
    (f"schedules list {STORE} --serializer yaml", MISUSED, "'yaml' is not one of"),
    (f"schedules list {STORE} --key-file none.key", MISUSED, "'none.key' does not exist"),
    (f"schedules list {STORE} --key-file folder", MISUSED, "is a directory"),
    (f"schedules list {STORE} --key-file short.key", MISUSED, "at least 16 bytes"),
    (f"db show -s {UNREACHABLE}", FAILED, "Connect call failed"),
    (f"db upgrade -s {UNREACHABLE}", FAILED, "Connect call failed"),
    (f"jobs list -s {UNREACHABLE}", FAILED, "Connect call failed"),
    ("db show -s sqlite:////nowhere/at/all.db", FAILED, "there is no file /nowhere/at/all.db"),
    ("db show -s sqlite:///none.db", FAILED, "there is no file none.db"),
    ("doctor -s sqlite:///none.db", FAILED, "there is no file none.db"),
    ("doctor -s nonsense", MISUSED, "invalid value for --store"),
    (
        "db upgrade -s sqlite:////nowhere/at/all.db",
        FAILED,
        "the directory of the database does not exist: /nowhere/at/all.db",
    ),
    # what is in it
    (f"schedules show none {STORE}", FAILED, "no schedule with the id 'none'"),
    (f"schedules show none {STORE} --json", FAILED, "no schedule with the id 'none'"),
    (["schedules", "show", "", *STORE.split()], FAILED, "no schedule with the id ''"),
    (["schedules", "show", "\udcff", *STORE.split()], MISUSED, "arguments must be text"),
    (f"schedules show broken {STORE}", FAILED, "unreadable: schedule broken: "),
    (f"schedules pause none {STORE}", FAILED, "no schedule with the id 'none'"),
    (f"schedules pause broken {STORE}", FAILED, "unreadable: schedule broken: "),
    (f"schedules resume none {STORE}", FAILED, "no schedule with the id 'none'"),
    (f"schedules remove none {STORE}", FAILED, "no schedule with the id 'none'"),
    (f"schedules run none {STORE}", FAILED, "no schedule with the id 'none'"),
    (f"jobs show x {STORE}", MISUSED, "invalid value for 'JOB_ID': 'x' is not a valid UUID"),
    (
        f"jobs show {NO_JOB} {STORE}",
        FAILED,
        f"no unfinished job and no kept result with the id {NO_JOB}",
    ),
    (f"jobs cancel {NO_JOB} {STORE}", FAILED, "that has not ended"),
    (f"tasks show none {STORE}", FAILED, "no task with the id 'none'"),
    (f"tasks remove none {STORE}", FAILED, "no task with the id 'none'"),
    (
        "schedules list --store postgresql+asyncpg://h/d?sslmode=require",
        FAILED,
        "does not know an option of the URL",
    ),
    (f"tasks remove greet {STORE}", FAILED, "is still in use by schedules or jobs"),
    (f"tasks run none {STORE}", FAILED, "no task with the id 'none'"),
    (f"tasks run greet --args {{ {STORE}", MISUSED, "not JSON"),
    (f"tasks run greet --args {'[' * 100_000} {STORE}", MISUSED, "not JSON"),
    (f"tasks run greet --args {{}} {STORE}", MISUSED, "not a JSON array"),
    (f"tasks run greet --kwargs [] {STORE}", MISUSED, "not a JSON object"),
    (f"tasks run greet --priority high {STORE}", MISUSED, "'high' is not a valid integer"),
    (f"tasks run greet --priority {10**30} {STORE}", MISUSED, "is not in the range"),
    (
        f"forecast --from yesterday {STORE}",
        MISUSED,
        "invalid value for --from: the time must be a datetime",
    ),
    (f"forecast --hours 0 {STORE}", MISUSED, "0 is not in the range"),
    (
        f"forecast --tz Mars/Base {STORE}",
        MISUSED,
        "invalid value for --tz: timezone must be an IANA name",
    ),
    (f"forecast --svg folder {STORE}", MISUSED, "is a directory"),
    ("forecast --svg none/chart.svg -s sqlite:///sound.db", FAILED, "No such file or directory"),
    # taking over
    ("import-apscheduler3 sqlite:///notes.txt", MISUSED, "say where the schedules are to go"),
    ("import-apscheduler3 sqlite:///none.db --dry-run", FAILED, "there is no file none.db"),
    ("import-apscheduler3 sqlite:///empty.db --dry-run", FAILED, "apscheduler_jobs"),
    ("import-apscheduler3 nonsense --dry-run", MISUSED, "invalid value for URL"),
    # programs
    ("run", MISUSED, "missing argument 'MODULE:SCHEDULER'"),
    ("run program", MISUSED, "expected MODULE:SCHEDULER, got: program"),
    ("run none:scheduler", FAILED, "cannot import none"),
    ("run faulty:scheduler", FAILED, "No module named 'nowhere_at_all'"),
    ("run program:scheduler", FAILED, "program has no scheduler"),
    ("run os.path:join", FAILED, "os.path:join made no scheduler: TypeError("),
    ("run program:broken", FAILED, "program:broken made no scheduler: ZeroDivisionError("),
    ("run program:not_one", MISUSED, "program:not_one is not a scheduler: 5"),
]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    CASES,
    ids=[(case[0] if isinstance(case[0], str) else " ".join(case[0]))[:60] for case in CASES],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("place")
def test_error_is_one_clear_line(
    rota: Command, arguments: str | list[str], status: int, message: str
) -> None:
    words = arguments.split() if isinstance(arguments, str) else arguments
    result = rota(*words, status=status)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("rota: ")
    assert message in line
    assert len(line) < 300
    assert "hush-hush" not in line
    assert not Path("none.db").exists(), "looking makes nothing"
    gc.collect()  # aiosqlite warns of connections that could not be opened when they are collected


@pytest.mark.parametrize("arguments", [[], ["schedules"], ["jobs"], ["tasks"], ["db"]])
def test_group_without_a_command_shows_its_help_and_fails(
    rota: Command, arguments: list[str]
) -> None:
    result = rota(*arguments, status=MISUSED)
    assert result.stdout.startswith("Usage: rota ")
    path = " ".join(["rota", *arguments])
    assert result.stderr == f"rota: a command must be named; see: {path} --help\n"


@pytest.mark.parametrize("service", ["postgresql", "mariadb"])
@pytest.mark.parametrize("what", ["database", "password"])
def test_server_that_refuses_is_one_clear_line(rota: Command, service: str, what: str) -> None:
    user = {"postgresql": "postgres", "mariadb": "root"}[service]
    url = {
        "database": f"{service}://{user}@{need(service)}/rota_none",
        "password": f"{service}://rota_nobody:hush-hush@{need(service)}/test",
    }[what]
    result = rota("schedules", "list", "--store", url, status=FAILED)
    (line,) = result.stderr.splitlines()
    assert line.startswith("rota: ")
    assert {"database": "rota_none", "password": "rota_nobody"}[what] in line
    assert "hush-hush" not in line


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "message"),
    [
        ("schedules list -s sqlite:////nowhere/at/all.db", {}, FAILED, "there is no file"),
        (
            "db upgrade -s sqlite:////nowhere/at/all.db",
            {},
            FAILED,
            "the directory of the database does not exist: /nowhere/at/all.db",
        ),
        (f"tasks list -s {UNREACHABLE}", {}, FAILED, "Connect call failed"),
        ("next @daily", {"ROTA_BACKEND": "fast"}, FAILED, "ROTA_BACKEND must be auto, rust or"),
        ("schedules list", {"ROTA_STORE": "nonsense"}, MISUSED, "invalid value for --store"),
    ],
)
def test_nothing_else_is_printed_by_a_process_of_its_own(
    arguments: str, variables: dict[str, str], status: int, message: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "rota.cli", *arguments.split()],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (status, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("rota: ")
    assert message in line


def test_what_a_terminal_cannot_show_is_shown_in_other_words(place: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "rota.cli", "forecast", "-s", f"sqlite:///{place}/store.db"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\\u2588" in ended.stdout


def test_flaw_of_rota_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["rota", "next", "@daily"])
    monkeypatch.setattr("rota.triggers.CronTrigger.preview", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main()


def test_missing_driver_is_named_with_what_brings_it(
    rota: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncmy", None)
    result = rota("schedules", "list", "-s", "mariadb://localhost/x", status=FAILED)
    assert "pip install 'rota[mariadb]'" in result.stderr


def test_command_without_its_packages_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rota.cli.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install 'rota\[cli\]'"):
        main()
