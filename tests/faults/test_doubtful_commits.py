"""Commits of which nobody knows whether they reached the server: they are neither repeated nor believed in."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

import pytest

from rota import Scheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from tests._proxy import COMMIT
from tests.faults import _tasks
from tests.faults.conftest import stores

if TYPE_CHECKING:
    from tests._private_servers import PrivateServer
    from tests._proxy import Proxy
    from tests.faults.conftest import Cluster

servers = stores("postgresql", "mariadb")
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
