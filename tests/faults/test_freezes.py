"""Nodes that do not come on for longer than their leases last: what they do afterwards affects nothing."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from rota import IntervalTrigger, JobOutcome
from rota.model import AbandonedPolicy
from tests._processes import pause
from tests.faults import _databases, _tasks
from tests.faults.conftest import stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults._nursery import Node
    from tests.faults.conftest import Cluster

LEASE_SECONDS = 1.0


def on(*pairs: str) -> pytest.MarkDecorator:
    """Run a test on some stores, each with jobs of some kind: "sqlite-loop"."""
    kinds = {"loop": _tasks.linger, "thread": _tasks.linger_in_thread}
    values = [(pair.split("-")[0], kinds[pair.split("-")[1]]) for pair in pairs]
    return pytest.mark.parametrize(("url", "func"), values, ids=pairs, indirect=["url"])


def freeze(cluster: Cluster, node: Node) -> None:
    """Freeze a node while it holds no locks; no other one must be at work."""
    node.freeze()
    while _databases.any_open(cluster.url):
        node.thaw()
        pause(0.01)
        node.freeze()


def check_that_the_frozen_node_told_nothing(cluster: Cluster, node: Node, job: UUID) -> None:
    cluster.wait_for(1, "lost", node=node.identity)
    assert cluster.journal.count("lost", node=node.identity, job=str(job)) == 1
    assert cluster.journal.entries("released", node=node.identity) == []
    assert f"the lease on job {job} of task 'linger' was lost; nothing is recorded" in node.log


@on("sqlite-thread", "postgresql-loop", "postgresql-thread", "mariadb-loop")
def test_worker_that_was_frozen_does_not_disturb_the_one_that_took_over(
    cluster: Cluster, func: Callable[..., object]
) -> None:
    observer = cluster.observer
    observer.configure_task(
        "linger", func=func, max_running_jobs=1, abandoned=AbandonedPolicy.run_again
    )
    job = observer.add_job("linger", args=[2.5], result_expiration_time=3600)
    frozen = cluster.start("frozen", lease_seconds=LEASE_SECONDS, polling_seconds=5)
    cluster.wait_for(1, "began", node="frozen")
    freeze(cluster, frozen)

    cluster.start("heir")
    cluster.wait_for(1, "began", node="heir")
    frozen.thaw()
    check_that_the_frozen_node_told_nothing(cluster, frozen, job)
    assert cluster.running() == {"linger": 1}, "that of the one that took over"

    cluster.wait_until(lambda: not observer.get_jobs())
    result = observer.get_job_result(job, wait=False)
    assert result is not None
    assert (result.outcome, result.attempt) == (JobOutcome.success, 2)
    assert cluster.running() == {"linger": 0}
    assert cluster.journal.count("began") == 2


@on("sqlite-loop", "postgresql-thread", "mariadb-thread")
def test_job_of_a_frozen_worker_stays_abandoned_when_it_ends_after_all(
    cluster: Cluster, func: Callable[..., object]
) -> None:
    observer = cluster.observer
    observer.configure_task("linger", func=func, max_running_jobs=1)
    job = observer.add_job("linger", args=[0.2], result_expiration_time=3600)
    frozen = cluster.start("frozen", lease_seconds=LEASE_SECONDS, polling_seconds=5)
    cluster.wait_for(1, "began", node="frozen")
    freeze(cluster, frozen)

    cluster.start("other")
    cluster.wait_until(lambda: not observer.get_jobs())
    frozen.thaw()
    check_that_the_frozen_node_told_nothing(cluster, frozen, job)
    result = observer.get_job_result(job, wait=False)
    assert result is not None
    assert (result.outcome, result.attempt) == (JobOutcome.abandoned, 1)
    assert cluster.running() == {"linger": 0}
    assert cluster.journal.count("began") == 1


@pytest.mark.parametrize(
    ("url", "point"),
    [
        ("sqlite", "frozen-with-schedules"),
        ("postgresql", "frozen-with-schedules"),
        ("mariadb", "frozen-with-schedules"),
        # Within a transaction, whose locks the server must take away.
        ("postgresql", "frozen-half-released"),
        ("mariadb", "frozen-half-released"),
    ],
    indirect=["url"],
)
def test_scheduler_that_was_frozen_fires_nothing_twice(cluster: Cluster, point: str) -> None:
    """It wakes up with claimed schedules, decides, and is refused."""
    observer = cluster.observer
    start = observer.clock.now()
    trigger = IntervalTrigger(seconds=1, start_time=start, end_time=start + timedelta(seconds=4))
    # A job whose lease is lost on a slow machine is run again, so that each one that was added is seen.
    observer.configure_task(
        "run", func=_tasks.run, max_running_jobs=None, abandoned=AbandonedPolicy.run_again
    )
    observer.add_schedules(
        {"func_or_task_id": "run", "trigger": trigger, "id": f"s{n}", "coalesce": "all"}
        for n in range(20)
    )
    frozen = cluster.launch("frozen", lease_seconds=LEASE_SECONDS, fail_point=point, idle_seconds=2)
    cluster.wait_until(frozen.is_frozen)
    cluster.start("heir")
    cluster.wait_for(40, "ran")
    frozen.thaw()
    cluster.wait_until(lambda: not observer.get_schedules() and not observer.get_jobs())

    jobs = {entry.job: (entry.schedule, entry.fire) for entry in cluster.journal.entries("ran")}
    first = (start - _tasks.EPOCH) // timedelta(microseconds=1)
    assert Counter(jobs.values()) == {
        (f"s{n}", first + 1_000_000 * k): 1 for n in range(20) for k in range(5)
    }


@stores("sqlite", "postgresql")
def test_job_that_blocks_the_event_loop_for_five_leases_keeps_its_own(cluster: Cluster) -> None:
    observer = cluster.observer
    observer.configure_task("block", func=_tasks.block, abandoned=AbandonedPolicy.run_again)
    cluster.start("blocked", lease_seconds=LEASE_SECONDS)
    job = observer.add_job("block", args=[5 * LEASE_SECONDS], result_expiration_time=3600)
    cluster.wait_for(1, "began", node="blocked")
    cluster.start("greedy")
    cluster.wait_until(lambda: not observer.get_jobs())
    result = observer.get_job_result(job, wait=False)
    assert result is not None
    assert (result.outcome, result.attempt) == (JobOutcome.success, 1)
    assert cluster.journal.count("began") == 1
