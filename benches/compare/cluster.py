"""Several schedulers on PostgreSQL: how soon one starts what another adds, and who does how much of a rush."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from queue import Queue
from random import Random
from threading import Thread
from time import sleep, time

from benches.compare.scenarios.cluster_worker import POLLING_ONLY, broker, report
from benches.compare.targets import table
from rota import AsyncScheduler, DateTrigger
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker

SCENARIOS = Path(__file__).parent / "scenarios"
DATABASE = "rota_bench_cluster"
URL = f"postgresql://postgres@127.0.0.1:5432/{DATABASE}"
BROKERS = ("PostgreSQL, asyncpg", "PostgreSQL, psycopg", "Redis", "NATS", "MQTT", POLLING_ONLY)
POLLING_SECONDS = 5.0
DUE_AT_ONCE = 10_000
WORKERS = 4

#: number of the worker, number of the job, seconds
Line = tuple[int, int, float]


@contextmanager
def _database() -> Iterator[None]:
    command = [sys.executable, str(SCENARIOS / "database.py"), "postgresql", DATABASE]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run([*command, "drop"], check=True)


@contextmanager
def _workers(count: int, broker_name: str) -> Iterator[Queue[Line]]:
    """Run workers, one after the other so that one of them makes the tables; yield what they print."""
    lines: Queue[Line] = Queue()
    processes: list[subprocess.Popen[str]] = []

    def read(number: int, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None, "it is a pipe"
        for line in process.stdout:
            job, seconds = line.split()
            lines.put((number, int(job), float(seconds)))

    try:
        for number in range(count):
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "benches.compare.scenarios.cluster_worker",
                    URL,
                    broker_name,
                    str(POLLING_SECONDS),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            processes.append(process)
            assert process.stdout is not None, "it is a pipe"
            assert process.stdout.readline() == "ready\n", "the worker failed"
            Thread(target=read, args=(number, process), daemon=True).start()
        yield lines
    finally:
        for process in processes:
            process.communicate()


def _store() -> SQLAlchemyDataStore:
    return SQLAlchemyDataStore(URL.replace("postgresql://", "postgresql+asyncpg://"))


def measure_brokers(jobs: int) -> dict[str, list[float]]:
    """Return, by broker, how many seconds after `add_job` was called each job started on another node."""
    found = {}
    for name in BROKERS:
        print(f"brokers: {name}", file=sys.stderr)
        with _database(), _workers(1, name) as lines:
            sleep(0.5)  # so that the worker has nothing to do but to wait
            found[name] = asyncio.run(_add_jobs(name, jobs, lines))
    return found


async def _add_jobs(name: str, jobs: int, lines: Queue[Line]) -> list[float]:
    random = Random(1)
    async with AsyncScheduler(_store(), broker(name, URL)) as scheduler:
        for number in range(jobs):
            await scheduler.add_job("report", args=[number, time()])
            if name == POLLING_ONLY:
                # Jobs that do not wait for each other meet all phases of the polling interval.
                await asyncio.sleep(random.uniform(0, 12 * POLLING_SECONDS / jobs))
            else:
                while lines.qsize() <= number:  # noqa: ASYNC110 - filled by a thread
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.01)
        return [(await asyncio.to_thread(lines.get, timeout=60))[2] for _ in range(jobs)]


def report_brokers(found: dict[str, list[float]]) -> list[str]:
    """Return the Markdown of a run."""
    rows = [
        [name, f"{len(seconds)}", *(f"{1e3 * _rank(seconds, at):,.1f} ms" for at in (0.5, 0.99, 1))]
        for name, seconds in found.items()
    ]
    return table(["", "jobs", "p50", "p99", "longest"], rows, numbers_from=1)


def measure_cluster() -> list[Line]:
    """Return which worker ran which of the schedules that are due in one second, and how late."""
    with _database(), _workers(WORKERS, BROKERS[0]) as lines:
        asyncio.run(_add_schedules())
        found = [lines.get(timeout=300) for _ in range(DUE_AT_ONCE)]
    assert sorted(job for _, job, _ in found) == [*range(DUE_AT_ONCE)], "each once"
    return found


async def _add_schedules() -> None:
    async with AsyncScheduler(_store(), LocalEventBroker()) as scheduler:
        await scheduler.configure_task("report", func=report, max_running_jobs=1_000_000)
        due = (datetime.now(timezone.utc) + timedelta(seconds=20)).replace(microsecond=0)
        await scheduler.add_schedules(
            [
                {
                    "func_or_task_id": "report",
                    "trigger": DateTrigger(due),
                    "args": [number, due.timestamp()],
                }
                for number in range(DUE_AT_ONCE)
            ]
        )
        assert datetime.now(timezone.utc) < due, "adding took too long"


def report_cluster(found: list[Line]) -> list[str]:
    """Return the Markdown of a run."""
    rows = []
    for number in range(WORKERS):
        seconds = [lateness for worker, _, lateness in found if worker == number]
        share = f"{100 * len(seconds) / len(found):.1f} %"
        rows.append([f"worker {number + 1}", f"{len(seconds):,}", share, *_late(seconds)])
    rows.append(["all", f"{len(found):,}", "100 %", *_late([x for _, _, x in found])])
    return table(["", "jobs", "share", "p50", "p99", "longest"], rows, numbers_from=1)


def _late(seconds: list[float]) -> list[str]:
    return [f"{_rank(seconds, at):.2f} s" if seconds else "" for at in (0.5, 0.99, 1)]


def _rank(values: list[float], part: float) -> float:
    """Return the value that this part of all values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, min(round(part * len(ordered)), len(ordered)) - 1)]
