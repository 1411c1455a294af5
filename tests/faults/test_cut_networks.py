"""Four schedulers whose network is cut, silently and not, between them and the store, and them and the event broker.

What ran is told by the journal alone. `make soak` is the long form.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rota import IntervalTrigger
from rota.model import AbandonedPolicy
from tests._processes import pause
from tests._proxy import Proxy
from tests._services import PORTS, need
from tests.faults import _tasks
from tests.faults.conftest import stores

if TYPE_CHECKING:
    from rota.schedulers._requests import ScheduleRequest
    from tests._private_servers import PostgreSQL
    from tests.faults.conftest import Cluster

SECONDS = 9 * int(os.environ.get("ROTA_CUT_ROUNDS", "1"))  #: a round of cuts takes nine
SCHEDULES = 40
NODES = 4
JOB_SECONDS = 0.2
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.timeout(6 * SECONDS + 120)


def add_schedules(cluster: Cluster) -> set[tuple[str, int]]:
    """Add schedules that fire every second; return all ids and fire times that there will be."""
    observer = cluster.observer
    observer.configure_task(
        "repeat",
        func=_tasks.linger,
        max_running_jobs=SCHEDULES,
        abandoned=AbandonedPolicy.run_again,
    )
    requests: list[ScheduleRequest] = []
    expected = set()
    start = observer.clock.now() + SECOND
    for number in range(SCHEDULES):
        trigger = IntervalTrigger(
            seconds=1, start_time=start, end_time=start + SECOND * (SECONDS - 1)
        )
        request: ScheduleRequest = {
            "func_or_task_id": "repeat",
            "args": [JOB_SECONDS],
            "trigger": trigger,
            "id": f"schedule-{number}",
            "coalesce": "all",
        }
        requests.append(request)
        first = (start - _tasks.EPOCH) // timedelta(microseconds=1)
        expected |= {(f"schedule-{number}", first + 1_000_000 * k) for k in range(SECONDS)}
    observer.add_schedules(requests)
    return expected


def cut(proxy: Proxy) -> None:
    """Cut the network in each of the ways that there are, for nine seconds in all; in the end it works."""
    for _ in range(SECONDS // 9):
        pause(1.5)
        proxy.hold()  # a cable pulled out
        pause(2)
        proxy.pass_on()
        pause(1)
        proxy.forget()  # a firewall started anew
        pause(2)
        proxy.reset()
        pause(0.5)
        proxy.hold()  # a cable, and then connections that nobody knows any more
        pause(1)
        proxy.reset()
        proxy.pass_on()
        pause(1)


def check(cluster: Cluster, expected: set[tuple[str, int]]) -> None:
    """See that every fire time has one job, each attempt of which began once; and no slot is held in the end."""
    observer = cluster.observer
    cluster.wait_until(
        lambda: not observer.get_schedules() and not observer.get_jobs(), 60 + 4 * SECONDS
    )
    assert set(cluster.running().values()) == {0}
    began = cluster.journal.entries("began")
    jobs = {(entry.schedule, entry.fire, entry.job) for entry in began}
    assert {(schedule, fire) for schedule, fire, _ in jobs} == expected
    assert len(jobs) == len(expected), "a fire time has two jobs"
    attempts = Counter((entry.job, entry.attempt) for entry in began)
    assert set(attempts.values()) == {1}


@stores("postgresql")
def test_store_is_cut_off(cluster: Cluster, postgresql: PostgreSQL) -> None:
    """Who loses the store loses leases: jobs run again then, which these may, and never twice in one attempt."""
    with Proxy(postgresql.port) as proxy:
        url = postgresql.url_at(proxy.port)
        expected = add_schedules(cluster)
        for number in range(NODES):
            # one of them keeps its network
            options = {"url": url} if number else {}
            cluster.start(f"node-{number}", attempt_seconds=1.0, **options)
        cut(proxy)
        check(cluster, expected)
    assert "the database failed" in cluster.nodes[-1].log


@stores("postgresql")
@pytest.mark.parametrize("kind", ["asyncpg", "psycopg", "redis", "nats", "mqtt"])
def test_event_broker_is_cut_off(cluster: Cluster, postgresql: PostgreSQL, kind: str) -> None:
    """Nothing but speed depends on events: nobody loses a lease, so that every job runs once."""
    if kind in {"asyncpg", "psycopg"}:
        port = postgresql.port
    else:
        need(kind)
        port = PORTS[kind]
    with Proxy(port) as proxy:
        url = {
            "asyncpg": lambda: postgresql.url_at(proxy.port),
            "psycopg": lambda: postgresql.url_at(proxy.port),
            "redis": lambda: f"redis://127.0.0.1:{proxy.port}",
            "nats": lambda: f"nats://127.0.0.1:{proxy.port}",
            "mqtt": lambda: f"127.0.0.1:{proxy.port}",
        }[kind]()
        expected = add_schedules(cluster)
        for number in range(NODES):
            cluster.start(
                f"node-{number}",
                broker=kind,
                broker_url=url,
                lease_seconds=5.0,
                polling_seconds=1.0,
            )
        cut(proxy)
        check(cluster, expected)
    assert {entry.attempt for entry in cluster.journal.entries("began")} == {1}
    assert not cluster.journal.entries("lost")
    log = cluster.nodes[0].log
    assert "event broker" in log, log
