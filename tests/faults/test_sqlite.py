"""SQLite files that several processes share, that cannot grow, cannot be written, or are none."""

from __future__ import annotations

import resource
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DatabaseError, OperationalError

from rota import IntervalTrigger, Scheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from tests._processes import pause
from tests.faults import _databases, _tasks
from tests.faults.conftest import stores

if TYPE_CHECKING:
    from tests.faults.conftest import Cluster

SCHEDULES = 20
SECOND = timedelta(seconds=1)


def add_schedules(cluster: Cluster, seconds: int) -> dict[tuple[str, int], int]:
    """Add schedules that fire every second for a while; return how often each fire time is to be seen."""
    observer = cluster.observer
    observer.configure_task("run", func=_tasks.run, max_running_jobs=10)
    start = observer.clock.now()
    trigger = IntervalTrigger(seconds=1, start_time=start, end_time=start + SECOND * (seconds - 1))
    observer.add_schedules(
        {"func_or_task_id": "run", "trigger": trigger, "id": f"s{n}", "coalesce": "all"}
        for n in range(SCHEDULES)
    )
    first = (start - _tasks.EPOCH) // timedelta(microseconds=1)
    return {(f"s{n}", first + 1_000_000 * k): 1 for n in range(SCHEDULES) for k in range(seconds)}


def wait_until_done(cluster: Cluster) -> Counter[tuple[str, int]]:
    """Wait until nothing is left to do; return how often each fire time was seen."""
    observer = cluster.observer
    cluster.wait_until(lambda: not observer.get_schedules() and not observer.get_jobs())
    ran = cluster.journal.entries("ran")
    return Counter((entry.schedule, entry.fire) for entry in ran if entry.schedule)


@stores("sqlite")
def test_four_processes_share_a_file_and_nobody_hears_that_it_is_locked(cluster: Cluster) -> None:
    expected = add_schedules(cluster, seconds=3)
    nodes = [cluster.start(f"node-{number}", polling_seconds=0.05) for number in range(4)]
    jobs = [cluster.observer.add_job("run") for _ in range(100)]
    assert wait_until_done(cluster) == expected
    single = Counter(entry.job for entry in cluster.journal.entries("ran", schedule=""))
    assert single == {str(job): 1 for job in jobs}
    for node in nodes:
        assert "locked" not in node.log
        assert "ERROR" not in node.log


@stores("sqlite")
def test_full_disk_is_waited_for_with_nothing_half_done(cluster: Cluster, tmp_path: Path) -> None:
    expected = add_schedules(cluster, seconds=4)
    node = cluster.start("node")
    unlimited = resource.prlimit(node.pid, resource.RLIMIT_FSIZE)
    limit = (tmp_path / "store.db-wal").stat().st_size
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (limit, unlimited[1]))
    cluster.wait_until(lambda: "the database failed; trying again" in node.log)
    pause(2)
    assert not wait_is_over(cluster), "the limit had no effect"
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, unlimited)

    assert wait_until_done(cluster) == expected
    assert "disk I/O error" in node.log
    cluster.wait_until(lambda: "the database works again" in node.log)
    assert "CRITICAL" not in node.log


def wait_is_over(cluster: Cluster) -> bool:
    return not cluster.observer.get_schedules() and not cluster.observer.get_jobs()


@stores("sqlite")
def test_file_that_cannot_be_written_is_refused_at_once(cluster: Cluster, tmp_path: Path) -> None:
    add_schedules(cluster, seconds=60)
    url = f"sqlite:///file:{tmp_path}/store.db?mode=ro&uri=true"
    store = SQLAlchemyDataStore(url, table_prefix=cluster.table_prefix)
    with Scheduler(store) as reader:
        assert len(reader.get_schedules()) == SCHEDULES
        with pytest.raises(OperationalError, match="attempt to write a readonly database"):
            reader.add_job("run")


def test_file_that_is_no_database_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear database,\n" * 1_000)
    store = SQLAlchemyDataStore(f"sqlite:///{path}")
    with pytest.raises(DatabaseError, match="file is not a database"), Scheduler(store):
        pass
    assert path.read_text().startswith("Dear database"), "it is left as it is"


@pytest.mark.parametrize("url", ["sqlite:///{}", "sqlite:///file:{}?uri=true"])
def test_directory_that_does_not_exist_is_refused_at_once(tmp_path: Path, url: str) -> None:
    path = tmp_path / "missing" / "store.db"
    store = SQLAlchemyDataStore(url.format(path))
    message = f"the directory of the database does not exist: {path}"
    with pytest.raises(FileNotFoundError, match=message), Scheduler(store):
        pass


@stores("sqlite")
def test_damaged_table_does_not_end_a_scheduler_or_advance_anything(cluster: Cluster) -> None:
    """The index of due schedules is destroyed; the scheduler says so, goes on, and writes nothing."""
    add_schedules(cluster, seconds=60)
    before = [schedule.next_fire_time for schedule in cluster.observer.get_schedules()]
    ((page,),) = _databases.query(
        cluster.url,
        "SELECT rootpage FROM sqlite_schema WHERE name = :name",
        name=f"{cluster.table_prefix}schedules_due",
    )
    _databases.query(cluster.url, "PRAGMA wal_checkpoint(TRUNCATE)")
    with Path(cluster.url.removeprefix("sqlite:///")).open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    node = cluster.start("node")
    cluster.wait_until(lambda: "database disk image is malformed" in node.log)
    pause(1)
    assert node.is_alive()
    assert node.log.count("processing schedules failed; trying again until it works") == 1
    assert before == [schedule.next_fire_time for schedule in cluster.observer.get_schedules()]
    assert cluster.journal.entries("ran") == []
