"""What fault tests share: private servers, nodes in processes of their own, and the journal of what they did."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from rota import Scheduler
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from tests._private_servers import MariaDB, PostgreSQL, PrivateServer
from tests._processes import wait_until
from tests._proxy import Proxy
from tests.faults._journal import Journal
from tests.faults._node import NodeOptions
from tests.faults._nursery import Node, Nursery

if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]  # signals to processes by descriptor, limits from outside

#: whether the long forms are run
LONG = bool(os.environ.get("ROTA_FAULTS_LONG"))

_numbers = count()


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    with MariaDB() as server:
        yield server


@define
class Cluster:
    """Schedulers on one store, and an observer that runs nothing but adds jobs and looks."""

    url: str
    directory: Path
    nursery: Nursery
    table_prefix: str = field(factory=lambda: f"t{next(_numbers)}_")
    nodes: list[Node] = field(factory=list)
    _observer: Scheduler | None = None

    @property
    def journal(self) -> Journal:
        return Journal(self.directory / "journal")

    @property
    def observer(self) -> Scheduler:
        if self._observer is None:
            store = SQLAlchemyDataStore(self.url, table_prefix=self.table_prefix)
            self._observer = Scheduler(store, identity="observer")
            self._observer.__enter__()
        return self._observer

    def start(self, identity: str, **options: Any) -> Node:
        """Start a node, and wait until its scheduler has started."""
        starts = self.journal.count("started", node=identity)
        node = self.launch(identity, **options)
        self.wait_for(starts + 1, "started", node=identity)
        return node

    def launch(self, identity: str, **options: Any) -> Node:
        """Start a node, and do not wait."""
        chosen = {"url": self.url, **options}
        node = self.nursery.start(
            NodeOptions(
                identity=identity,
                table_prefix=self.table_prefix,
                journal=str(self.journal.path),
                log=str(self.directory / f"{identity}.log"),
                **chosen,
            )
        )
        self.nodes.append(node)
        return node

    def wait_for(self, number: int, what: str, **details: Any) -> None:
        """Wait until the journal has so many entries."""
        self.wait_until(lambda: self.journal.count(what, **details) >= number)

    def wait_until(self, condition: Callable[[], object], seconds: float = 30) -> None:
        wait_until(condition, seconds=seconds, what=self.report)

    def report(self) -> str:
        """Return the ends of all logs."""
        logs = {node.identity: node.log for node in self.nodes}
        return "\n".join(f"--- {identity}\n{log[-3_000:]}" for identity, log in logs.items())

    def running(self) -> dict[str, int]:
        """Return how many jobs of each task hold a slot."""
        return {task.id: task.running_jobs for task in self.observer.get_tasks()}

    def close(self) -> None:
        for node in self.nodes:
            node.close()
        if self._observer is not None:
            self._observer.__exit__(None, None, None)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the store is; tests say with `stores` on which ones they are run."""
    kind = request.param
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    server: PostgreSQL | MariaDB = request.getfixturevalue(kind)
    return server.url


@pytest.fixture
def server(request: pytest.FixtureRequest, url: str) -> PrivateServer:
    """The server of the store, for the test to maltreat."""
    kind = "postgresql" if url.startswith("postgresql") else "mariadb"
    server: PrivateServer = request.getfixturevalue(kind)
    return server


@pytest.fixture
def proxy(server: PrivateServer) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


def stores(*kinds: str) -> pytest.MarkDecorator:
    """Run a test on each of these stores."""
    return pytest.mark.parametrize(
        "url", kinds or ("sqlite", "postgresql", "mariadb"), indirect=True
    )


@pytest.fixture
def cluster(url: str, tmp_path: Path, nursery: Nursery) -> Iterator[Cluster]:
    cluster = Cluster(url, tmp_path, nursery)
    yield cluster
    cluster.close()
