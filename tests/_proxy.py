"""A TCP proxy in front of a server, which loses what a test wants to be lost."""

from __future__ import annotations

import re
import socket
import struct
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from re import Pattern
    from types import TracebackType

    from typing_extensions import Self

HOST = "127.0.0.1"
COMMIT = re.compile(rb"COMMIT(?!TED)")  #: requests to commit, but none to begin with READ COMMITTED
CHUNK = 65_536
#: closing a socket with this sends RST
ABORT = struct.pack("ii", 1, 0)


class Proxy:
    """Passes bytes between its clients and a server on loopback, on threads.

    with Proxy(server.port) as proxy:
        ...  # connect to proxy.port
        proxy.hold()
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._flowing = Event()
        self._flowing.set()
        self._closed = False
        self._lock = Lock()
        self._links: set[_Link] = set()
        self._fatal: Pattern[bytes] | None = None
        self._last: Pattern[bytes] | None = None
        #: how many answers `lose_answer_to` has kept from clients
        self.answers_lost = 0
        self._acceptor = Thread(target=self._accept, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flowing.set()
        self._acceptor.join()  # or else it might add a link that nobody cuts
        self.reset()

    def hold(self) -> None:
        """Pass nothing on in either direction, without closing anything: a cable pulled out."""
        self._flowing.clear()

    def pass_on(self) -> None:
        """Pass everything on again, first what was held back: TCP sends again what was lost."""
        self._flowing.set()

    def forget(self) -> None:
        """Pass nothing on for the connections that there are, ever again, without telling clients; new ones are served.

        So does a firewall that has been started anew. The server is told, as its keep-alive messages would do.
        """
        with self._lock:
            for link in self._links:
                link.mute()

    def reset(self) -> None:
        """Cut all connections (RST at both ends); new ones are served."""
        with self._lock:
            links, self._links = self._links, set()
        for link in links:
            link.abort()
        for link in links:
            link.join()

    def hold_from(self, request: Pattern[bytes]) -> None:
        """Hold everything from the next request on in which this is found, as `hold` does."""
        self._last = request

    def lose_answer_to(self, request: Pattern[bytes]) -> None:
        """Pass on the next request in which this is found, and cut the connection when the server answers."""
        self._fatal = request

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((HOST, self._target), timeout=5)
            except OSError:  # nobody is there: neither is the proxy
                _abort(client)
                continue
            server.settimeout(None)
            link = _Link(self, client, server)
            with self._lock:  # a link that can be cut has been started
                link.start()
                self._links.add(link)

    def flows(self) -> bool:
        """Tell whether data is passed on."""
        return self._flowing.is_set()

    def look_at(self, data: bytes) -> None:
        """Hold this request, if it is the one that `hold_from` waits for."""
        with self._lock:
            if self._last is not None and self._last.search(data):
                self._last = None
                self.hold()

    def is_fatal(self, data: bytes) -> bool:
        """Tell whether this is the request whose answer is to be lost; only once."""
        with self._lock:
            if self._fatal is None or not self._fatal.search(data):
                return False
            self._fatal = None
            return True


class _Link:
    """One connection from a client through to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._doomed = self._muted = False
        self._aborted = Event()
        self._threads = [
            Thread(target=self._pump, args=(client, server), daemon=True),
            Thread(target=self._pump, args=(server, client), daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def mute(self) -> None:
        """Pass nothing on any more, and cut the connection to the server."""
        self._muted = True
        _abort(self._server)

    def abort(self) -> None:
        """Close both ends with RST."""
        self._aborted.set()
        _abort(self._client)
        _abort(self._server)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(CHUNK):
                if source is self._client:
                    self._proxy.look_at(data)
                while self._muted or not self._proxy.flows():
                    if self._aborted.wait(0.02):
                        return
                if source is self._client and self._proxy.is_fatal(data):
                    self._doomed = True
                if source is self._server and self._doomed:
                    self._proxy.answers_lost += 1
                    self.abort()
                    return
                sink.sendall(data)
            if not (self._muted or self._aborted.is_set()):
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            if not self._muted:
                self.abort()


def _abort(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    with suppress(OSError):
        end.shutdown(socket.SHUT_RD)  # wakes the thread that waits for data
    end.close()
