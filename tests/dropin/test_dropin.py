"""Programs that were written for APScheduler 4 run on rota, unchanged. Each in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tests.dropin._comparison import differences
from tests.dropin.describe_api import describe, describe_names, signature_of

pytestmark = pytest.mark.once

HERE = Path(__file__).parent
SNIPPETS = HERE.parent / "guide/snippets"
GUIDE = HERE.parents[1] / "docs/guides/moving-from-apscheduler-4.md"
INSTALL = "import rota\nrota.install_as_apscheduler()\n"


def run(program: str, *, install: bool = True, status: int = 0) -> subprocess.CompletedProcess[str]:
    code = (INSTALL if install else "") + program
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == status, result.stderr
    return result


def as_in_the_guide(snippet: str) -> str:
    """Return a snippet with the name that the guide has."""
    return re.sub(r"\brota\b", "apscheduler", (SNIPPETS / snippet).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "snippet",
    [
        "sync_background.py",
        "sync_background_wsgi.py",
        "async_background.py",
        "or_trigger.py",
        "and_trigger.py",
        "current_job.py",
        "logging_debug.py",
    ],
)
def test_snippet_of_the_guide_runs_unchanged(snippet: str) -> None:
    program = as_in_the_guide(snippet)
    assert "apscheduler" in program
    run(program)


@pytest.mark.parametrize("snippet", ["sync_foreground.py", "async_foreground.py"])
def test_foreground_snippet_runs_until_it_is_told_to_stop(snippet: str) -> None:
    stop = "import os, signal, threading\nthreading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
    run(stop + as_in_the_guide(snippet))


def test_every_public_name_is_there() -> None:
    lines = (HERE / "api.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line.split() for line in lines if line and not line.startswith("#")]
    program = "".join(f"from {module} import {', '.join(names)}\n" for module, *names in wanted)
    run(program)


def exceptions() -> list[str]:
    """Return the patterns in the first column of the table of signatures that differ."""
    _, _, table = GUIDE.read_text(encoding="utf-8").partition("| where | what | why |")
    return [
        pattern
        for row in table.strip().splitlines()[1:]
        for pattern in re.findall(r"`([^`]+)`", row.split("|")[1])
    ]


def test_every_signature_is_as_there_but_for_what_the_guide_lists() -> None:
    theirs = json.loads((HERE / "apscheduler.json").read_text(encoding="utf-8"))
    lines = (HERE / "api.txt").read_text(encoding="utf-8").splitlines()
    found = dict(differences(theirs, describe_names(lines, "rota")))
    patterns = exceptions()
    unlisted = {
        where: what
        for where, what in found.items()
        if not any(fnmatchcase(where, pattern) for pattern in patterns)
    }
    assert unlisted == {}
    idle = [
        pattern for pattern in patterns if not any(fnmatchcase(where, pattern) for where in found)
    ]
    assert idle == [], "what is no difference must not be listed as one"


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        pytest.param("a, b", "a, b", [], id="the same"),
        pytest.param("a, b", "a, b, c=1, *, d=1", [], id="more that need not be given"),
        pytest.param("a, *, b=1", "a, b=1", [], id="by position, too"),
        pytest.param("a, b=1", "*a, b=1", ["f(a)"], id="any number, not by name"),
        pytest.param("a", "*args, a=1", [], id="any number, and by name"),
        pytest.param("a, *, b=1", "a, **more", [], id="anything by name"),
        pytest.param("a, b", "b, a", ["f(a)", "f(b)"], id="another order"),
        pytest.param("a, b", "a, *, b", ["f(b)"], id="by keyword only"),
        pytest.param("a, *, b=1", "a, *, b", ["f(b)"], id="must be given"),
        pytest.param("a", "a, b", ["f(b)"], id="more that must be given"),
        pytest.param("a, *, b=1", "a", ["f(b)"], id="missing"),
        pytest.param("**more", "", ["f(more)"], id="nothing further"),
    ],
)
def test_comparison_finds_what_would_break_a_call(theirs: str, ours: str, found: list[str]) -> None:
    described = []
    for parameters in (theirs, ours):
        names: dict[str, Any] = {}
        exec(f"def f({parameters}): ...", names)
        described.append({"f": {"call": signature_of(names["f"])}})
    assert [where for where, _ in differences(*described)] == found


def test_comparison_finds_members_values_and_bases() -> None:
    class Theirs(ValueError):
        def method(self) -> None: ...

        attribute = 1

    class Ours(Exception):
        attribute = 2

    theirs, ours = ({"C": describe(cls)} for cls in (Theirs, Ours))
    assert dict(differences(theirs, ours)) == {
        "C": "is no ValueError",
        "C.method": "is not there",
    }
    assert dict(differences({"E": {"values": ["a", "b"]}}, {"E": {"values": ["a"]}})) == {
        "E.b": "is not there"
    }
    assert dict(differences(theirs, {})) == {"C": "is not there"}


@pytest.mark.parametrize("snippet", ["sync_listener.py", "async_listener.py"])
def test_listener_of_the_guide_hears_of_a_job(snippet: str) -> None:
    listener = as_in_the_guide(snippet)
    assert "apscheduler" in listener
    if snippet.startswith("sync"):
        program = f"""
from apscheduler.schedulers.sync import Scheduler
with Scheduler() as scheduler:
    exec({listener!r})
    scheduler.start_in_background()
    scheduler.run_job(int)
"""
    else:
        program = f"""
import asyncio
from apscheduler.schedulers.async_ import AsyncScheduler
async def main():
    async with AsyncScheduler() as scheduler:
        exec({listener!r}, {{"scheduler": scheduler}})
        await scheduler.start_in_background()
        await scheduler.run_job(int)
asyncio.run(main())
"""
    assert run(program).stdout.split("\n")[:2] == ["Received JobAcquired", "Received JobReleased"]


def test_parts_that_users_made_for_it_are_used() -> None:
    """A trigger, an executor and a serializer as the abstract classes there ask for them."""
    run(
        """
import asyncio, pickle, tempfile
from datetime import datetime, timedelta, timezone
from apscheduler import AsyncScheduler, JobReleased, JobOutcome
from apscheduler.abc import JobExecutor, Serializer, Trigger
from apscheduler.datastores.sqlalchemy import SQLAlchemyDataStore
class Once(Trigger):
    done = False
    def next(self):
        if not self.done:
            self.done = True
            return datetime.now(timezone.utc)
    def __getstate__(self):
        return self.done
    def __setstate__(self, state):
        self.done = state
class Executor(JobExecutor):
    ran = []
    async def start(self, exit_stack):
        exit_stack.callback(self.ran.append, "stopped")
    async def run_job(self, func, job):
        self.ran.append(job.task_id)
        return func(*job.args, **job.kwargs)
class Plain(Serializer):
    def serialize(self, obj):
        return pickle.dumps(obj)
    def deserialize(self, serialized):
        return pickle.loads(serialized)
async def main():
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/store.db"
        store = SQLAlchemyDataStore(url, serializer=Plain(), start_from_scratch=True)
        async with AsyncScheduler(store, job_executors={"mine": Executor()}) as scheduler:
            await scheduler.configure_task("sum", func=sum)
            await scheduler.start_in_background()
            released = asyncio.create_task(scheduler.get_next_event(JobReleased))
            await asyncio.sleep(0)
            await scheduler.add_schedule("sum", Once(), args=[[1, 2]])
            assert (await released).outcome is JobOutcome.success
            assert await scheduler.run_job("sum", args=[[3, 4]]) == 7
asyncio.run(main())
assert Executor.ran == ["sum", "sum", "stopped"], Executor.ran
"""
    )


def test_modules_and_classes_are_the_same_objects() -> None:
    run(
        """
import sys
import apscheduler, apscheduler.triggers.cron, apscheduler.schedulers.sync
import rota.triggers.cron
assert apscheduler is rota
assert sys.modules["apscheduler.triggers.cron"] is rota.triggers.cron
assert apscheduler.triggers.cron.CronTrigger is rota.CronTrigger
assert apscheduler.schedulers.sync.Scheduler is rota.Scheduler
assert rota.triggers.cron.__spec__.name == "rota.triggers.cron"
assert rota.triggers.cron.__name__ == "rota.triggers.cron"
rota.install_as_apscheduler()  # again does nothing
"""
    )


def test_stored_reference_is_read_as_rota_s_class() -> None:
    run(
        """
import pickle
from rota.serializers.json import JSONSerializer
trigger = rota.CronTrigger(hour=3)
pickled = pickle.dumps(trigger, 0).replace(b"crota.triggers.cron", b"capscheduler.triggers.cron")
assert b"apscheduler" in pickled
assert pickle.loads(pickled) == trigger
json = JSONSerializer()
stored = json.serialize(trigger).replace(b"rota:CronTrigger", b"apscheduler.triggers.cron:CronTrigger")
assert b"apscheduler" in stored
assert json.deserialize(stored) == trigger
for name in (b"apscheduler.triggers.date:CronTrigger", b"apscheduler.os:system", b"os:system"):
    try:
        json.deserialize(json.serialize(trigger).replace(b"rota:CronTrigger", name))
    except rota.DeserializationError:
        continue
    raise AssertionError(name)
"""
    )


def test_time_rule_is_that_of_apscheduler_4() -> None:
    """Every instant whose wall-clock reading matches: nothing in the gap, both passes of the overlap."""
    program = """
from datetime import datetime, timezone
from apscheduler.triggers.cron import CronTrigger
def fires(year, month, day):
    start = datetime(year, month, day, tzinfo=timezone.utc)
    trigger = CronTrigger(hour=2, minute=30, timezone="Europe/Berlin", start_time=start)
    return [f"{moment:%d %H:%M %z}" for moment in trigger.preview(2)]
print(fires(2025, 3, 29), fires(2025, 10, 25))
"""
    assert run(program).stdout == (
        "['29 02:30 +0100', '31 02:30 +0200'] ['25 02:30 +0200', '26 02:30 +0200']\n"
    )
    assert "30 03:00" in run(program.replace("apscheduler", "rota"), install=False).stdout


def test_logger_of_that_name_shows_what_rota_does() -> None:
    result = run(
        """
import logging
logging.basicConfig()
logging.getLogger("apscheduler").setLevel(logging.DEBUG)
from apscheduler.schedulers.sync import Scheduler
with Scheduler() as scheduler:
    scheduler.start_in_background()
"""
    )
    assert "scheduler started" in result.stderr


@pytest.mark.parametrize("module", ["datastores.mongodb", "executors.qt"])
def test_what_rota_does_not_have_is_named(module: str) -> None:
    result = run(f"import apscheduler.{module}", status=1)
    assert f"rota has no apscheduler.{module}: " in result.stderr


def test_module_that_does_not_exist_is_not_found() -> None:
    assert "ModuleNotFoundError" in run("import apscheduler.nothing", status=1).stderr


def test_it_is_refused_once_the_other_package_is_imported() -> None:
    program = "import sys, types\nsys.modules['apscheduler'] = types.ModuleType('apscheduler')\n"
    result = run(program + INSTALL, install=False, status=1)
    assert "must be called before anything imports apscheduler" in result.stderr
