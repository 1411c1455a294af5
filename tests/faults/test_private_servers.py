"""What the fault tests stand on: servers that can be killed, and a proxy that loses what it should."""

from __future__ import annotations

import asyncio
import socket
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from rota.datastores.sql.engines import with_driver
from tests._private_servers import HOST, NATS, MariaDB, Mosquitto, PostgreSQL, PrivateServer, Redis
from tests._processes import pause
from tests._proxy import COMMIT, Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("kind", [PostgreSQL, MariaDB, Redis, Mosquitto, NATS])
def test_a_private_server_is_killed_and_started_again(kind: type[PrivateServer]) -> None:
    with kind() as server:
        assert server.is_ready()
        server.kill()
        assert not server.is_ready()
        server.start()
        assert server.is_ready()
        server.stop()
        assert not server.is_ready()
    assert not server.directory.exists()


@pytest.mark.parametrize("kind", [PostgreSQL, MariaDB])
def test_a_database_keeps_what_was_committed_before_it_was_killed(
    kind: type[PrivateServer],
) -> None:
    async def execute(*statements: str) -> list[int]:
        engine = create_async_engine(with_driver(server.url))
        async with engine.begin() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
            rows = [int(number) for number in result.scalars()] if result.returns_rows else []
        await engine.dispose()
        return rows

    with kind() as server:
        asyncio.run(execute("CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)"))
        server.kill()
        server.start()
        assert asyncio.run(execute("SELECT n FROM t")) == [1]


@pytest.fixture
def echo_port() -> Iterator[int]:
    """Run a server that sends back what it gets."""

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(1_000):
                    connection.sendall(data)
            except ConnectionError:
                pass

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            if done:
                connection.close()
                return
            threads.append(Thread(target=serve, args=(connection,)))
            threads[-1].start()

    threads: list[Thread] = []
    done: list[bool] = []
    with socket.create_server((HOST, 0)) as listener:
        acceptor = Thread(target=accept)
        acceptor.start()
        yield listener.getsockname()[1]
        done.append(True)
        socket.create_connection(listener.getsockname()).close()
        for thread in [acceptor, *threads]:
            thread.join()


@pytest.fixture
def proxy(echo_port: int) -> Iterator[Proxy]:
    with Proxy(echo_port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, proxy.port), timeout=10) as client:
        yield client


def exchange(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return client.recv(1_000)


def test_proxy_passes_on_both_ways(client: socket.socket) -> None:
    assert exchange(client, b"one") == b"one"
    assert exchange(client, b"two") == b"two"


def test_proxy_that_holds_is_silent_and_then_delivers(proxy: Proxy, client: socket.socket) -> None:
    assert exchange(client, b"one") == b"one"
    proxy.hold()
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        exchange(client, b"two")
    client.settimeout(10)
    proxy.pass_on()
    assert client.recv(1_000) == b"two"


@pytest.mark.parametrize("held", [False, True], ids=["flowing", "held"])
def test_proxy_cuts_connections_and_serves_new_ones(
    proxy: Proxy, client: socket.socket, held: bool
) -> None:
    assert exchange(client, b"one") == b"one"
    if held:
        proxy.hold()
        client.sendall(b"two")
        pause(0.1)
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1_000)
    proxy.pass_on()
    with socket.create_connection((HOST, proxy.port), timeout=10) as another:
        assert exchange(another, b"three") == b"three"


def test_proxy_forgets_the_connections_that_there_are(proxy: Proxy, client: socket.socket) -> None:
    assert exchange(client, b"one") == b"one"
    proxy.forget()
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        exchange(client, b"two")
    with socket.create_connection((HOST, proxy.port), timeout=10) as another:
        assert exchange(another, b"three") == b"three"


def test_proxy_loses_the_answer_to_one_request(proxy: Proxy, client: socket.socket) -> None:
    proxy.lose_answer_to(COMMIT)
    assert exchange(client, b"BEGIN") == b"BEGIN"
    with pytest.raises(ConnectionResetError):
        exchange(client, b"COMMIT")
    assert proxy.answers_lost == 1
    with socket.create_connection((HOST, proxy.port), timeout=10) as another:
        assert exchange(another, b"COMMIT") == b"COMMIT"


def test_proxy_holds_everything_from_one_request_on(proxy: Proxy, client: socket.socket) -> None:
    proxy.hold_from(COMMIT)
    assert exchange(client, b"BEGIN") == b"BEGIN"
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        exchange(client, b"COMMIT")
    assert not proxy.flows()
    proxy.pass_on()
    client.settimeout(10)
    assert client.recv(1_000) == b"COMMIT"


def test_proxy_refuses_clients_of_a_server_that_is_not_there() -> None:
    with (
        socket.create_server((HOST, 0)) as listener,
        Proxy(listener.getsockname()[1]) as proxy,
    ):
        listener.close()
        with (
            pytest.raises(ConnectionError),
            socket.create_connection((HOST, proxy.port), timeout=10) as client,
        ):
            client.recv(1)
