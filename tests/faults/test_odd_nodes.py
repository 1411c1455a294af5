"""Nodes and data that are not as they should be: twins, wrong clocks, tables of the future, damaged rows."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rota import DateTrigger, JobOutcome, Scheduler
from rota.datastores.sql.schema import SchemaVersionError
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.model import AbandonedPolicy
from tests._processes import pause
from tests.faults import _databases, _tasks
from tests.faults.conftest import stores

if TYPE_CHECKING:
    from tests.faults.conftest import Cluster

FIVE_MINUTES = 300


@stores("sqlite", "postgresql")
def test_twins_of_one_identity_leave_each_others_jobs_alone(cluster: Cluster) -> None:
    observer = cluster.observer
    observer.configure_task("linger", func=_tasks.linger, abandoned=AbandonedPolicy.run_again)
    job = observer.add_job("linger", args=[3], result_expiration_time=3600)
    first = cluster.start("twin", lease_seconds=1)
    cluster.wait_for(1, "began")
    cluster.start("twin", lease_seconds=1).stop()
    cluster.start("twin", lease_seconds=1).kill()
    assert cluster.running() == {"linger": 1}
    cluster.start("twin", lease_seconds=1)
    cluster.wait_until(lambda: not observer.get_jobs())
    result = observer.get_job_result(job, wait=False)
    assert result is not None
    assert (result.outcome, result.attempt) == (JobOutcome.success, 1)
    assert [entry.pid for entry in cluster.journal.entries("began")] == [first.pid]


@pytest.mark.parametrize(
    ("url", "skew"),
    [("postgresql", FIVE_MINUTES), ("postgresql", -FIVE_MINUTES), ("mariadb", FIVE_MINUTES)],
    ids=["postgresql-fast", "postgresql-slow", "mariadb-fast"],
    indirect=["url"],
)
def test_node_whose_clock_is_wrong_neither_fires_early_nor_late_nor_takes_jobs(
    cluster: Cluster, skew: int
) -> None:
    """The clock of the database counts."""
    observer = cluster.observer
    observer.configure_task("linger", func=_tasks.linger, abandoned=AbandonedPolicy.run_again)
    observer.configure_task("run", func=_tasks.run)
    cluster.start("right", role="worker")
    held = observer.add_job("linger", args=[3.5], result_expiration_time=3600)
    cluster.wait_for(1, "began", node="right")

    cluster.start("wrong", skew_seconds=skew)
    due = observer.clock.now() + timedelta(seconds=2.5)
    observer.add_schedule("run", DateTrigger(due), id="once")
    pause(1.5)
    assert cluster.journal.entries("ran") == []
    cluster.wait_for(1, "ran")
    assert timedelta(0) <= observer.clock.now() - due < timedelta(seconds=10)
    cluster.wait_until(lambda: not observer.get_jobs())
    result = observer.get_job_result(held, wait=False)
    assert result is not None
    assert (result.outcome, result.attempt) == (JobOutcome.success, 1)
    assert cluster.journal.count("began") == 1


@stores()
def test_tables_of_a_newer_version_are_refused_by_name(cluster: Cluster) -> None:
    cluster.observer.configure_task("run", func=_tasks.run)
    table = f"{cluster.table_prefix}schema_version"
    _databases.query(cluster.url, f"UPDATE {table} SET version = 999")
    message = r"are of schema version 999, but this rota knows versions up to \d+: upgrade rota"
    store = SQLAlchemyDataStore(cluster.url, table_prefix=cluster.table_prefix)
    with pytest.raises(SchemaVersionError, match=message), Scheduler(store):
        pass
    node = cluster.launch("node")
    node.wait_until_dead()
    assert "are of schema version 999" in node.log
    assert _databases.query(cluster.url, f"SELECT version FROM {table}") == [(999,)]


@stores()
def test_damaged_rows_are_set_aside_and_their_neighbours_run(cluster: Cluster) -> None:
    observer = cluster.observer
    observer.configure_task("run", func=_tasks.run, max_running_jobs=None)
    start = observer.clock.now()
    observer.add_schedules(
        {"func_or_task_id": "run", "trigger": DateTrigger(start), "id": f"s{number}"}
        for number in range(100)
    )
    jobs = observer.add_jobs(
        {"func_or_task_id": "run", "args": [], "kwargs": {}, "result_expiration_time": 3600}
        for _ in range(99)
    )
    damaged = observer.add_job("run", kwargs={"damaged": True}, result_expiration_time=3600)
    prefix = cluster.table_prefix
    rubbish = b"\x80\x05rubbish"
    _databases.query(
        cluster.url,
        f"UPDATE {prefix}schedules SET {quoted(cluster, 'trigger')} = :rubbish WHERE id = 's42'",
        rubbish=rubbish,
    )
    _databases.query(
        cluster.url,
        f"UPDATE {prefix}jobs SET payload = :rubbish WHERE payload IS NOT NULL",
        rubbish=rubbish,
    )
    node = cluster.start("node")
    cluster.wait_for(198, "ran")
    cluster.wait_until(lambda: not observer.get_jobs())

    ran = cluster.journal.entries("ran")
    assert Counter(entry.schedule for entry in ran if entry.schedule) == {
        f"s{number}": 1 for number in range(100) if number != 42
    }
    assert Counter(entry.job for entry in ran if not entry.schedule) == {
        str(job): 1 for job in jobs
    }
    result = observer.get_job_result(damaged, wait=False)
    assert result is not None
    assert result.outcome is JobOutcome.deserialization_failed
    ((identifier, error),) = _databases.query(
        cluster.url, f"SELECT id, error FROM {prefix}schedules"
    )
    assert identifier == "s42"
    assert error
    assert node.is_alive()
    assert cluster.running() == {"run": 0}


def quoted(cluster: Cluster, name: str) -> str:
    return f"`{name}`" if cluster.url.startswith("mysql") else f'"{name}"'


@stores()
def test_job_behind_a_thousand_of_a_full_task_starts_at_once(cluster: Cluster) -> None:
    observer = cluster.observer
    observer.configure_task("linger", func=_tasks.linger, max_running_jobs=1)
    observer.configure_task("run", func=_tasks.run)
    observer.add_jobs({"func_or_task_id": "linger", "args": [60]} for _ in range(1_000))
    cluster.start("node", max_concurrent_jobs=10)
    cluster.wait_for(1, "began")
    observer.add_job("run")
    cluster.wait_for(1, "ran")
    assert cluster.journal.count("began") == 1
