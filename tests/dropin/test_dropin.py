"""Programs that were written for APScheduler 4 run on rota, unchanged. Each in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

HERE = Path(__file__).parent
SNIPPETS = HERE.parent / "guide/snippets"
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
