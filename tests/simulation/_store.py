"""The data store as one machine sees it: one memory store for all, behind calls that can fail in every way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from rota.abc import DataStore
from tests.simulation._network import Fate, StoreDown

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rota.abc import Clock
    from rota.datastores.memory import MemoryDataStore
    from tests.simulation._ledger import Ledger
    from tests.simulation._network import Link

_STALE_READS = {"get_task", "get_schedules", "time_to_next_schedule", "time_to_next_job"}
_CALLS = """
    add_task remove_task get_task get_tasks add_schedules get_schedules update_schedule remove_schedules
    acquire_schedules release_schedules time_to_next_schedule add_jobs get_jobs
    unfinished_jobs acquire_jobs release_jobs cancel_jobs
    cancelled_jobs extend_leases reap_jobs time_to_next_job get_job_result cleanup now
""".split()


@define(eq=False, slots=False)
class RemoteStore:
    """Passes every call on over a link, and tells the ledger what has been committed."""

    inner: MemoryDataStore
    ledger: Ledger
    link: Link
    clock: Clock
    node: str
    earlier: dict[str, Any] = field(factory=dict)

    persistent = False

    async def start(self, *_: object) -> None:
        """Do nothing: the store runs already."""

    def lease_handle(self) -> None:
        """Have leases renewed by a task, so that one machine is one thread."""

    async def call(self, name: str, *args: Any) -> Any:
        """Do one call, and suffer its fate."""
        fate = self.link.fate(is_read=name in _STALE_READS)
        await self.clock.sleep(self.link.delay())
        if fate is Fate.lost:
            raise StoreDown("connection refused")
        if fate is Fate.hung:
            await self.link.hang()
        key = f"{name}{args!r}"
        if fate is Fate.stale and key in self.earlier:
            answer = self.earlier[key]
        else:
            # Nothing is suspended between the commit and the ledger, so the ledger knows the order of all commits.
            try:
                answer = await getattr(self.inner, name)(*args)
            except Exception as exc:
                self.ledger.note(self.node, name, type(exc).__name__)
                raise
            await self.ledger.committed(self.node, name, args, answer)
            if name in _STALE_READS:
                self.earlier[key] = answer
        await self.clock.sleep(self.link.delay())
        if fate is Fate.ambiguous:
            raise StoreDown("connection lost")
        return answer


def _remote(name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def method(self: RemoteStore, *args: Any) -> Any:
        return await self.call(name, *args)

    return method


for _name in _CALLS:
    setattr(RemoteStore, _name, _remote(_name))
setattr(RemoteStore, "exchange_jobs", DataStore.exchange_jobs)  # noqa: B010 - it is no attribute of the class's type
DataStore.register(RemoteStore)
