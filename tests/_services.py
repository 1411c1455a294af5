"""The servers that some tests talk to, on loopback at their standard ports.

A test says `@pytest.mark.service("postgresql")` or asks for the fixture with the URL. Where the server does not answer
the test is skipped, with one line for all in the summary; in CI (`CI` is set) it fails.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from functools import cache

import anyio
import pytest
from sqlalchemy import MetaData

PORTS = {"postgresql": 5432, "mariadb": 3306, "redis": 6379, "mqtt": 1883, "nats": 4222}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"service(name): needs a server: one of {', '.join(PORTS)}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("service"):
        need(*marker.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    absent = Counter(name for name in PORTS for reason in reasons if f"no {name} server" in reason)
    if absent:
        counts = ", ".join(f"{name} ({count})" for name, count in absent.items())
        terminalreporter.write_line(f"tests skipped because a server is not there: {counts}")


@cache
def answers(port: int) -> bool:
    """Tell whether something listens on `port` of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def need(name: str) -> str:
    """Return the address of the server `name`; skip the running test, or fail it in CI, if it does not answer."""
    address = f"127.0.0.1:{PORTS[name]}"
    if not answers(PORTS[name]):
        message = f"no {name} server answers on {address}"
        if os.environ.get("CI"):
            pytest.fail(f"{message}; in CI it must", pytrace=False)
        pytest.skip(message)
    return address


@pytest.fixture
def postgresql_url() -> str:
    return f"postgresql://postgres@{need('postgresql')}/test"


@pytest.fixture
def mariadb_url() -> str:
    return f"mysql://root@{need('mariadb')}/test"


@pytest.fixture
def redis_url() -> str:
    return f"redis://{need('redis')}"


@pytest.fixture
def mqtt_url() -> str:
    return f"mqtt://{need('mqtt')}"


@pytest.fixture
def nats_url() -> str:
    return f"nats://{need('nats')}"


def drop_tables(url: str, prefix: str) -> None:
    """Drop the tables of a data store whose names begin with `prefix`."""
    from rota.datastores.sql.engines import async_engine_for

    if url.startswith("sqlite"):
        return

    async def drop() -> None:
        engine, metadata = async_engine_for(url), MetaData()
        async with engine.begin() as connection:
            await connection.run_sync(
                metadata.reflect, only=lambda name, _: name.startswith(prefix)
            )
            await connection.run_sync(metadata.drop_all)
        await engine.dispose()

    anyio.run(drop)
