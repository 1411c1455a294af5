"""Databases that go away and come back: schedulers carry on by themselves, and nothing is lost or done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import frozen
from sqlalchemy.exc import OperationalError

from rota import IntervalTrigger, JobOutcome
from rota.model import AbandonedPolicy
from rota.schedulers._job_loop import RECORDING_SECONDS
from tests._private_servers import PostgreSQL
from tests._processes import pause
from tests._proxy import COMMIT
from tests.faults import _databases, _tasks
from tests.faults.conftest import LONG, stores

if TYPE_CHECKING:
    from tests._private_servers import PrivateServer
    from tests._proxy import Proxy
    from tests.faults.conftest import Cluster

OUTAGE_SECONDS = 20 if LONG else 2.5  #: longer than a lease
SCHEDULES = 20
servers = stores("postgresql", "mariadb")
SECOND = timedelta(seconds=1)


def disconnect_all(server: PrivateServer) -> None:
    """End all connections from within the server."""
    if isinstance(server, PostgreSQL):
        _databases.query(
            server.url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
        )
        return
    others = "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = 'root'"
    for (number,) in _databases.query(server.url, others):
        with suppress(OperationalError):  # it may be gone by now
            _databases.query(server.url, f"KILL {number}")


@frozen
class Victim:
    """What a fault can be done to."""

    cluster: Cluster
    server: PrivateServer
    proxy: Proxy


def end_connections(victim: Victim) -> None:
    for _ in range(3):
        pause(0.5)
        disconnect_all(victim.server)


def stop_for_a_while(victim: Victim) -> None:
    victim.server.stop()
    pause(OUTAGE_SECONDS)
    victim.server.start()


def kill_and_start(victim: Victim) -> None:
    victim.server.kill()
    victim.server.start()


def hold_and_pass_on(victim: Victim) -> None:
    victim.proxy.hold()
    pause(OUTAGE_SECONDS)
    victim.proxy.pass_on()


def hold_and_cut(victim: Victim) -> None:
    victim.proxy.hold()
    pause(OUTAGE_SECONDS)
    victim.proxy.reset()
    victim.proxy.pass_on()


def forget_connections(victim: Victim) -> None:
    victim.proxy.forget()


def cut(victim: Victim) -> None:
    for _ in range(4):
        pause(0.3)
        victim.proxy.reset()


@servers
@pytest.mark.parametrize(
    "fault",
    [
        end_connections,
        stop_for_a_while,
        kill_and_start,
        hold_and_pass_on,
        hold_and_cut,
        cut,
        forget_connections,
    ],
    ids=lambda fault: fault.__name__.replace("_", "-"),
)
def test_schedulers_carry_on_after_an_outage(
    cluster: Cluster, server: PrivateServer, proxy: Proxy, fault: Callable[[Victim], None]
) -> None:
    expected = add_schedules(cluster, seconds=3)
    nodes = [
        cluster.start(f"node-{n}", url=server.url_at(proxy.port), attempt_seconds=2, idle_seconds=2)
        for n in range(2)
    ]
    fault(Victim(cluster, server, proxy))
    observer = cluster.observer
    cluster.wait_until(lambda: not observer.get_schedules() and not observer.get_jobs(), 60)

    ran = cluster.journal.entries("ran")
    jobs = {(entry.schedule, entry.fire, entry.job) for entry in ran}
    assert Counter((schedule, fire) for schedule, fire, _ in jobs) == dict.fromkeys(expected, 1)
    attempts = Counter((entry.schedule, entry.fire, entry.attempt) for entry in ran)
    assert set(attempts.values()) == {1}
    assert cluster.running() == {"run": 0}
    for node in nodes:
        assert node.is_alive()
        assert "CRITICAL" not in node.log


def add_schedules(cluster: Cluster, seconds: int) -> set[tuple[str, int]]:
    """Add schedules that fire every second for a while; return all ids and fire times that there will be."""
    observer = cluster.observer
    observer.configure_task(
        "run", func=_tasks.run, max_running_jobs=10, abandoned=AbandonedPolicy.run_again
    )
    start = observer.clock.now()
    trigger = IntervalTrigger(seconds=1, start_time=start, end_time=start + SECOND * (seconds - 1))
    observer.add_schedules(
        {"func_or_task_id": "run", "trigger": trigger, "id": f"s{n}", "coalesce": "all"}
        for n in range(SCHEDULES)
    )
    first = (start - _tasks.EPOCH) // timedelta(microseconds=1)
    return {(f"s{n}", first + 1_000_000 * k) for n in range(SCHEDULES) for k in range(seconds)}


@servers
def test_answers_to_commits_that_are_lost_neither_repeat_nor_lose_anything(
    cluster: Cluster, server: PrivateServer, proxy: Proxy
) -> None:
    expected = add_schedules(cluster, seconds=3)
    cluster.start("node", url=server.url_at(proxy.port), lease_seconds=20)
    for number in range(8):
        proxy.lose_answer_to(COMMIT)
        cluster.wait_until(lambda: proxy.answers_lost > number)  # noqa: B023 - called here only
        pause(0.2)
    observer = cluster.observer
    cluster.wait_until(lambda: not observer.get_schedules() and not observer.get_jobs(), 60)
    ran = Counter((entry.schedule, entry.fire) for entry in cluster.journal.entries("ran"))
    assert ran == dict.fromkeys(expected, 1)


@servers
def test_worker_that_is_cut_off_gives_up_its_job_before_another_takes_it(
    cluster: Cluster, server: PrivateServer, proxy: Proxy
) -> None:
    observer = cluster.observer
    observer.configure_task(
        "linger", func=_tasks.linger_and_leave, abandoned=AbandonedPolicy.run_again
    )
    job = observer.add_job("linger", args=[7], result_expiration_time=3600)
    # A tenth of the lease, in which the job is given up, is half a second: a busy machine may not run us for some time.
    cluster.start("cut-off", url=server.url_at(proxy.port), lease_seconds=5)
    cluster.wait_for(1, "began")
    proxy.hold()
    cluster.start("heir")
    cluster.wait_until(lambda: not observer.get_jobs())

    entries = [
        (entry.what, entry.node)
        for entry in cluster.journal.entries()
        if entry.what in {"began", "left"}
    ]
    assert entries == [
        ("began", "cut-off"),
        ("left", "cut-off"),
        ("began", "heir"),
        ("left", "heir"),
    ]
    result = observer.get_job_result(job, wait=False)
    assert result is not None
    assert (result.outcome, result.attempt) == (JobOutcome.success, 2)
    proxy.pass_on()
    cluster.wait_for(1, "lost", node="cut-off")
    assert cluster.journal.entries("released", node="cut-off") == []


@servers
def test_node_that_is_stopped_while_the_store_is_cut_off_ends_by_itself(
    cluster: Cluster, server: PrivateServer, proxy: Proxy
) -> None:
    """It has nobody to tell how its job has ended, and says so; that the job was abandoned others find out."""
    observer = cluster.observer
    observer.configure_task("linger", func=_tasks.linger)
    job = observer.add_job("linger", args=[60], result_expiration_time=3600)
    # Else the job is given up as lost, with nothing left to record.
    outlasts_the_stop = RECORDING_SECONDS * 3
    node = cluster.start(
        "cut-off",
        url=server.url_at(proxy.port),
        lease_seconds=outlasts_the_stop,
        attempt_seconds=2,
    )
    cluster.wait_for(1, "began")
    proxy.hold()
    node.stop()
    _, stopped, rest = node.log.partition("scheduler stopped")
    assert stopped
    assert "ERROR" not in rest, rest
    assert "recorded" in node.log
    cluster.start("heir", lease_seconds=1)
    cluster.wait_until(lambda: not observer.get_jobs())
    result = observer.get_job_result(job, wait=False)
    assert result is not None
    assert result.outcome is JobOutcome.abandoned
