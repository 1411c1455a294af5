"""The thread in which leases are renewed, with an event loop of its own."""

from __future__ import annotations

import threading
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio import CancelScope

from rota._posting import poster
from rota.eventbrokers.local import LocalEventBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from uuid import UUID

    from rota.abc import DataStore
    from rota.schedulers._claim import Verdict
    from rota.schedulers._node import Node

__all__ = ["LeaseThread"]

END_SECONDS = 5.0  #: how long the end of the thread is waited for


class _Keeper(Protocol):
    async def keep(
        self, store: DataStore, give_up: Callable[[Collection[UUID], Verdict], object]
    ) -> None: ...


class LeaseThread:
    """Runs a keeper in a daemon thread, from `run` being called to its being cancelled.

    A thread that cannot be started, or that ends by itself, is a failure that is logged, shown by `health` and tried
    again: without one the leases would run out.
    """

    def __init__(
        self,
        keeper: _Keeper,
        handle: DataStore,
        node: Node,
        give_up: Callable[[Collection[UUID], Verdict], object],
    ) -> None:
        self._keeper = keeper
        self._handle = handle
        self._node = node
        self._give_up = give_up
        self._lock = threading.Lock()
        self._stopped = False
        self._stop: Callable[[], None] | None = None
        self._error: Exception | None = None
        self._outage = node.outage("running the thread that renews leases")

    async def run(self) -> None:
        """Have a thread until cancelled."""
        while True:
            try:
                await self._run_thread()
            except Exception as exc:  # noqa: BLE001 - there may be no thread or no file left to have
                await self._outage.wait(exc)

    async def _run_thread(self) -> None:
        """Start the thread, and end it when cancelled. Raises what it ended with if it ends by itself."""
        post, ended = poster(), anyio.Event()
        thread = threading.Thread(
            target=self._main, args=(post, ended), name="rota lease thread", daemon=True
        )
        thread.start()
        try:
            await ended.wait()
            raise self._error or RuntimeError("the thread ended")
        finally:
            with self._lock:
                self._stopped = not ended.is_set()
                if self._stop is not None:
                    self._stop()
                self._stop = None
            with CancelScope(shield=True), anyio.move_on_after(END_SECONDS):
                await ended.wait()

    def _main(self, post: Callable[[Callable[[], object]], None], ended: anyio.Event) -> None:
        self._error = None
        try:
            anyio.run(self._serve, post)
        except Exception as exc:  # noqa: BLE001 - it is raised again where the thread is waited for
            self._error = exc
        finally:
            post(ended.set)

    async def _serve(self, post: Callable[[Callable[[], object]], None]) -> None:
        outage = self._node.outage("connecting in order to renew leases")
        with CancelScope() as scope:
            with self._lock:
                if self._stopped:
                    return
                self._stop = partial(poster(), scope.cancel)
            post(self._outage.over)
            while True:
                try:
                    await self._keep(post)
                except Exception as exc:  # noqa: BLE001 - a store may raise what its driver raises
                    await outage.wait(exc)

    async def _keep(self, post: Callable[[Callable[[], object]], None]) -> None:
        def give_up(job_ids: Collection[UUID], verdict: Verdict) -> None:
            post(partial(self._give_up, job_ids, verdict))

        async with AsyncExitStack() as exit_stack:
            if self._handle is not self._node.data_store:
                broker = LocalEventBroker()  # renewing publishes nothing
                await broker.start(exit_stack, self._node.logger, self._node.clock)
                await self._handle.start(exit_stack, broker, self._node.logger, self._node.clock)
            await self._keeper.keep(self._handle, give_up)
