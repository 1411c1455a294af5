"""Every snippet of the user guide runs as it is written there, but for the import name."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rota import AsyncScheduler, DateTrigger, Scheduler, _environment as environment
from rota.testing import VirtualClock

SNIPPETS = Path(__file__).with_name("snippets")
#: Runs a snippet with its debugging log on standard error, so that one can see when it has started.
RUNNER = (
    "import logging, runpy, sys; logging.basicConfig(); logging.getLogger('rota').setLevel(logging.DEBUG); "
    "runpy.run_path(sys.argv[1], run_name='__main__')"
)


def run_snippet(name: str, **names: object) -> dict[str, Any]:
    """Execute a snippet in this process and return the names that it defined."""
    code = compile((SNIPPETS / name).read_text(), name, "exec")
    namespace = {"__name__": "snippet", **names}
    exec(code, namespace)
    return namespace


def start_snippet(name: str) -> subprocess.Popen[str]:
    """Start a snippet as a program."""
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(SNIPPETS / name)], stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("name", ["sync_foreground.py", "async_foreground.py"])
def test_foreground_scheduler_runs_until_it_is_told_to_stop(name: str) -> None:
    with start_snippet(name) as process:
        assert process.stderr is not None
        log = []
        for line in process.stderr:
            log.append(line)
            if "scheduler started" in line.lower():
                break
        assert process.poll() is None, "".join(log)
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(20) == 0, rest
    assert "scheduler stopped" in rest.lower()
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    "name", ["sync_background.py", "sync_background_wsgi.py", "async_background.py"]
)
def test_background_scheduler_shuts_down_with_the_program(name: str) -> None:
    with start_snippet(name) as process:
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    assert "scheduler started" in log.lower()
    assert "scheduler stopped" in log.lower()
    assert "Traceback" not in log


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Helsinki"))


@pytest.fixture
def created_at(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """Give the guide's creation time and a local time zone, as on its reader's machine."""
    monkeypatch.setattr("tzlocal.get_localzone", lambda: ZoneInfo("Europe/Helsinki"))
    with environment.use_clock(VirtualClock(local(request.param))):
        yield


@pytest.mark.parametrize("created_at", ["2022-06-09 09:00"], indirect=True)
def test_or_trigger_runs_at_ten_on_weekdays_and_at_eleven_on_weekends(created_at: None) -> None:
    trigger = run_snippet("or_trigger.py")["trigger"]

    assert trigger.preview(4) == [
        local("2022-06-09 10:00"),  # Thursday
        local("2022-06-10 10:00"),
        local("2022-06-11 11:00"),
        local("2022-06-12 11:00"),
    ]


@pytest.mark.parametrize("created_at", ["2022-06-07 09:00"], indirect=True)
def test_and_trigger_gives_exactly_the_times_that_the_guide_lists(created_at: None) -> None:
    trigger = run_snippet("and_trigger.py")["trigger"]

    assert [trigger.next() for _ in range(3)] == [
        local("2022-06-07 10:00"),
        local("2022-10-07 10:00"),
        local("2022-12-07 10:00"),
    ]


def test_current_job_tells_the_job_and_its_schedule(capsys: pytest.CaptureFixture[str]) -> None:
    clock = VirtualClock()

    async def main() -> None:
        task = run_snippet("current_job.py")["my_task_function"]
        async with AsyncScheduler(clock=clock) as scheduler:
            await scheduler.add_schedule(task, DateTrigger(clock.now()), id="the schedule")
            await scheduler.start_in_background()
            await clock.advance(timedelta(seconds=1))

    clock.run(main)
    out = capsys.readouterr().out
    assert out.startswith("This is job ")
    assert out.endswith("was spawned from schedule the schedule\n")


def test_asynchronous_listener_receives_events_of_both_types(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = VirtualClock()

    async def main() -> None:
        async with AsyncScheduler(clock=clock) as scheduler:
            run_snippet("async_listener.py", scheduler=scheduler)
            await scheduler.start_in_background()
            await scheduler.run_job(int)
            await clock.advance(timedelta(seconds=1))

    clock.run(main)
    assert capsys.readouterr().out.splitlines() == ["Received JobAcquired", "Received JobReleased"]


def test_synchronous_listener_receives_events_of_both_types(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = VirtualClock()

    with Scheduler(clock=clock) as scheduler:
        run_snippet("sync_listener.py", scheduler=scheduler)
        scheduler.start_in_background()
        scheduler.run_job(int)
        clock.advance_from_thread(timedelta(seconds=1))

    assert capsys.readouterr().out.splitlines() == ["Received JobAcquired", "Received JobReleased"]


def test_debug_logging_explains_what_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    caplog.set_level("DEBUG", logger="rota")  # which is also undone in the end
    run_snippet("logging_debug.py")

    async def main() -> None:
        async with AsyncScheduler(clock=clock) as scheduler:
            await scheduler.add_schedule(int, DateTrigger(clock.now()), id="explained")
            await scheduler.start_in_background()
            await clock.advance(timedelta(seconds=1))

    clock.run(main)
    assert "explained" in caplog.text
