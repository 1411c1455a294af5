"""Every command that prints something can print JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from rota import IntervalTrigger, Scheduler, task
from rota.cli._app import app
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from tests.cli._tasks import greet

if TYPE_CHECKING:
    from tests.cli.conftest import Command

pytestmark = pytest.mark.once

VERSION = SQLAlchemyDataStore.SCHEMA_VERSION


@task(id="unused")
def unused() -> None:
    """Do nothing."""


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield all commands that are not groups."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, *path, name)
        elif found is not None:
            yield " ".join([*path, name]), found


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def job_id(url: str) -> str:
    """Provide the job of a store that has some of everything."""
    with Scheduler(SQLAlchemyDataStore(url)) as scheduler:
        scheduler.configure_task(unused)
        scheduler.add_schedule(greet, IntervalTrigger(hours=1), id="s", args=["Ada"])
        return str(scheduler.add_job(greet, args=["Bob"]))


def test_every_command_takes_the_option() -> None:
    without = {
        name
        for name, command in commands(app)
        if not any("--json" in option.opts for option in command.params)
    }
    assert without == {"run"}, "which prints nothing"


#: the command, and what its JSON has at least; JOB stands for the id of the job
CASES: list[tuple[str, dict[str, Any] | list[Any]]] = [
    ("schedules list", [{"id": "s", "state": "active"}]),
    ("schedules show s", {"id": "s", "task_id": "greet", "args": ["Ada"]}),
    ("schedules pause s", {"id": "s", "state": "paused"}),
    ("schedules resume s", {"id": "s", "state": "active"}),
    ("schedules run s", {}),
    ("schedules remove s", {"removed": "s"}),
    ("jobs list", [{"state": "waiting"}]),
    ("jobs show JOB", {"id": "JOB", "args": ["Bob"]}),
    ("jobs cancel JOB", {"cancelled": "JOB"}),
    ("tasks list", [{"id": "greet"}, {"id": "unused"}]),
    ("tasks show greet", {"id": "greet", "running_jobs": 0}),
    ("tasks run unused", {}),
    ("tasks remove unused", {"removed": "unused"}),
    ("forecast", {"schedules": 1}),
    ("db show", {"stored_version": VERSION, "state": "current"}),
    ("db upgrade", {"stored_version": VERSION, "previous_version": VERSION}),
    ("doctor", [{"what": "trigger backend", "ok": True}]),
]


@pytest.mark.parametrize(("command", "expected"), CASES, ids=[case[0] for case in CASES])
def test_json_says_what_was_done(
    rota: Command, url: str, job_id: str, command: str, expected: dict[str, Any] | list[Any]
) -> None:
    words = command.replace("JOB", job_id).split()
    result = rota(*words, "--json", "--store", url)
    assert result.stderr == ""
    found = json.loads(result.stdout)
    wanted = json.loads(json.dumps(expected).replace("JOB", job_id))
    if isinstance(wanted, dict):
        found, wanted = [found], [wanted]
    for part, whole in zip(found[: len(wanted)], wanted, strict=True):
        assert part | whole == part
    if command.endswith((" run s", " run unused")):
        assert list(found[0]) == ["job_id"]


def test_upgrade_tells_that_there_were_no_tables(rota: Command, url: str) -> None:
    shown = json.loads(rota("db", "upgrade", "--json", "--store", url).stdout)
    assert shown == {"stored_version": VERSION, "previous_version": None}
