"""Log records carry fields that a machine can read, and the documentation lists them all."""

from __future__ import annotations

import ast
import logging
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rota import AsyncScheduler, IntervalTrigger, OverlapPolicy
from rota.datastores.memory import MemoryDataStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rota.testing import VirtualClock

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/guides/observability.md"
LOG_CALL = r"(.*\.)?_?logger\.(debug|info|warning|error|exception|critical|log)"
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


async def work() -> None:
    """Do nothing."""


async def fail() -> None:
    raise ValueError("the reason")


def fields_of(caplog: pytest.LogCaptureFixture, event: str) -> dict[str, Any]:
    """Return the fields of the only record of an event."""
    (record,) = (record for record in caplog.records if getattr(record, "event", None) == event)
    return {name: value for name, value in vars(record).items() if name not in STANDARD}


@pytest.fixture(autouse=True)
def debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="rota")


@pytest.mark.anyio
async def test_job_of_a_schedule_can_be_followed(
    scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def slow() -> None:
        await clock.sleep(2.5)

    await scheduler.configure_task("work", func=slow)
    await scheduler.add_schedule("work", IntervalTrigger(minutes=5), id="backup")
    await clock.advance(10)

    fired = fields_of(caplog, "schedule.fired")
    node = fired["scheduler_id"]
    assert node.startswith(f"{scheduler.identity}:")
    assert fired == {
        "event": "schedule.fired",
        "schedule_id": "backup",
        "task_id": "work",
        "scheduler_id": node,
        "due": 1,
        "jobs": 1,
        "fire_time": START.isoformat(),
        "next_fire_time": (START + timedelta(minutes=5)).isoformat(),
    }
    claimed = fields_of(caplog, "job.claimed")
    of_job = {
        "job_id": claimed["job_id"],
        "task_id": "work",
        "schedule_id": "backup",
        "attempt": 1,
        "scheduler_id": node,
    }
    assert claimed == {"event": "job.claimed", "lateness_seconds": 0, **of_job}
    succeeded = fields_of(caplog, "job.succeeded")
    assert succeeded == {"event": "job.succeeded", "duration_seconds": 2.5, **of_job}


@pytest.mark.anyio
async def test_failure_names_the_kind_of_error(
    scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await scheduler.add_job(fail)
    await clock.advance(0)

    fields = fields_of(caplog, "job.failed")
    assert fields["job_id"] == str(job_id)
    assert fields["schedule_id"] is None
    assert fields["error_type"] == "ValueError"
    assert fields["duration_seconds"] == 0


@pytest.mark.anyio
async def test_skipped_fire_time_names_schedule_and_time(
    scheduler: AsyncScheduler, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def slow() -> None:
        await clock.sleep(15)

    await scheduler.configure_task("slow", func=slow)
    await scheduler.add_schedule(
        "slow", IntervalTrigger(seconds=10), id="s", overlap=OverlapPolicy.skip
    )
    await clock.advance(11)

    assert fields_of(caplog, "fire_time.skipped") == {
        "event": "fire_time.skipped",
        "schedule_id": "s",
        "task_id": "slow",
        "fire_time": (START + timedelta(seconds=10)).isoformat(),
    }


class BrokenOnce(MemoryDataStore):
    """A store that cannot be asked for jobs at first."""

    broken = True

    async def acquire_jobs(self, *args: Any, **kwargs: Any) -> Any:
        if self.broken:
            self.broken = False
            raise ConnectionError("gone")
        return await super().acquire_jobs(*args, **kwargs)


@pytest.mark.anyio
async def test_outage_names_what_is_done_in_vain(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncScheduler(BrokenOnce(), clock=clock) as scheduler:
        await scheduler.start_in_background()
        await clock.advance(1)

    activity = "claiming and recording jobs"
    began, ended = fields_of(caplog, "outage.began"), fields_of(caplog, "outage.ended")
    assert began == {
        "event": "outage.began",
        "activity": activity,
        "error_type": "ConnectionError",
    }
    assert ended == {"event": "outage.ended", "activity": activity, "attempts": 1}


@pytest.mark.anyio
async def test_every_record_of_a_run_has_an_event(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncScheduler(BrokenOnce(), clock=clock) as scheduler:
        await scheduler.start_in_background()
        await scheduler.add_schedule(work, IntervalTrigger(seconds=10))
        await scheduler.add_job(fail)
        await clock.advance(60)

    assert caplog.records
    assert [record for record in caplog.records if not hasattr(record, "event")] == []


def events_in_code() -> Iterator[str]:
    """Yield the names of events that the sources give to log records."""
    for path in (ROOT / "python/rota").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "event":
                        yield from _texts([value])
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "job_fields",
                "schedule_fields",
                "self._log",
            }:
                yield from _texts(node.args)


def _texts(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def events_in_documentation() -> Iterator[str]:
    """Yield the names in the first column of the table of events."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition("| event | level |")
    table, _, _ = table.partition("\n\n")
    for row in table.splitlines()[2:]:
        yield from re.findall(r"`([a-z_.]+)`", row.split("|")[1])


@pytest.mark.once
def test_documentation_lists_every_event() -> None:
    documented = list(events_in_documentation())
    assert len(documented) == len(set(documented))
    assert set(documented) == set(events_in_code())


@pytest.mark.once
def test_every_log_call_says_which_event_it_is() -> None:
    silent = [
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "python/rota").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and re.fullmatch(LOG_CALL, ast.unparse(node.func))
        and not any(keyword.arg == "extra" for keyword in node.keywords)
    ]
    assert silent == []
