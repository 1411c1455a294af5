"""Commits of which nobody knows whether they reached the server: they are neither repeated nor believed in."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from rota import IntervalTrigger, Scheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from tests._processes import pause
from tests._proxy import COMMIT
from tests.faults import _tasks
from tests.faults.conftest import LONG, stores

if TYPE_CHECKING:
    from tests._private_servers import PrivateServer
    from tests._proxy import Proxy
    from tests.faults.conftest import Cluster

servers = stores("postgresql", "mariadb")
SECOND = timedelta(seconds=1)
KILLS = 40 if LONG else 5
SCHEDULES = 100
OTHERS = 20  #: transactions, more than a server had begun and not written down when it was killed


@servers
@pytest.mark.timeout(120)
def test_commit_that_a_killed_server_never_got_is_made_again(
    cluster: Cluster, server: PrivateServer, proxy: Proxy
) -> None:
    """Others may have done much since the server was started again; PostgreSQL gave them the same numbers."""
    observer = cluster.observer
    observer.configure_task("run", func=_tasks.run)
    store = SQLAlchemyDataStore(server.url_at(proxy.port), table_prefix=cluster.table_prefix)
    with Scheduler(store, identity="cut-off") as scheduler:
        added = []
        adding = Thread(target=lambda: added.append(scheduler.add_job("run")))
        proxy.hold_from(COMMIT)
        adding.start()
        cluster.wait_until(lambda: not proxy.flows())
        server.kill()
        server.start()
        others = [observer.add_job("run") for _ in range(OTHERS)]
        proxy.reset()
        proxy.pass_on()
        adding.join()
        assert {job.id for job in observer.get_jobs()} == {*added, *others}
        assert len(added) == 1


@servers
@pytest.mark.timeout(120 + 10 * KILLS)
def test_server_that_is_killed_again_and_again_repeats_and_loses_nothing(
    cluster: Cluster, server: PrivateServer
) -> None:
    """Nodes claim, fire and record all the time, so that it is killed within commits, too."""
    observer = cluster.observer
    observer.configure_task("run", func=_tasks.run, max_running_jobs=None)
    start = observer.clock.now()
    trigger = IntervalTrigger(seconds=1, start_time=start, end_time=start + SECOND * (KILLS - 1))
    observer.add_schedules(
        {"func_or_task_id": "run", "trigger": trigger, "id": f"s{n}", "coalesce": "all"}
        for n in range(SCHEDULES)
    )
    for number in range(2):
        cluster.start(f"node-{number}", lease_seconds=20)  # nothing is taken for abandoned
    random = Random(KILLS)
    for _ in range(KILLS):
        pause(random.uniform(0, 0.8))
        server.kill()
        server.start()
    cluster.wait_until(lambda: not observer.get_schedules() and not observer.get_jobs(), 60)
    first = (start - _tasks.EPOCH) // timedelta(microseconds=1)
    ran = Counter((entry.schedule, entry.fire) for entry in cluster.journal.entries("ran"))
    assert ran == {
        (f"s{n}", first + 1_000_000 * k): 1 for n in range(SCHEDULES) for k in range(KILLS)
    }
