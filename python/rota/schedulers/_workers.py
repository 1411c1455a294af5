"""The tasks in which jobs run: few, long-lived, and woken one after the other."""

from __future__ import annotations

from contextvars import copy_context
from math import inf
from typing import TYPE_CHECKING

import anyio
from anyio import CancelScope, current_effective_deadline, get_cancelled_exc_class, lowlevel
from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

    from rota.schedulers._node import Node

__all__ = ["Worker", "WorkerPool", "being_cancelled"]

BUG_PAUSE_SECONDS = 1.0
TURN_SECONDS = 0.002
STEPS_PER_TURN = 64


@define(eq=False)
class Worker:
    """One task of the pool.

    :param scope: cancelling it cancels the job that runs, and ends the worker
    :param retired: whether it must not run another job
    """

    scope: CancelScope = field(factory=CancelScope)
    retired: bool = False
    wakeup: anyio.Event | None = None


class WorkerPool:
    """Calls `work` in as many tasks as are needed, up to `limit`.

    A task for each job would cost more than most jobs. Here a worker that is about to begin something that may
    suspend it first summons one other, which sees to the rest. Jobs that never suspend are so run one after the
    other by one worker, while jobs that wait soon have a worker each.

    :param work: does one thing; returns whether there was anything to do
    """

    def __init__(
        self,
        node: Node,
        group: TaskGroup,
        limit: int,
        work: Callable[[Worker], Awaitable[bool]],
    ) -> None:
        self._node = node
        self._group = group
        self._limit = limit
        self._work = work
        self._context = copy_context()  # in which no job has left anything behind
        self._idle: list[Worker] = []
        self._count = 0
        self._summoned = False
        self._closed = False
        self._clock = node.clock
        self._steps = 0
        self._turn_ends = 0.0

    def summon(self) -> None:
        """Have a worker look for something to do, unless one is on its way. Busy ones look when they are done."""
        if self._summoned or self._closed:
            return
        if self._idle:
            worker = self._idle.pop()
            assert worker.wakeup is not None, "an idle worker waits for its event"
            worker.wakeup.set()
        elif self._count < self._limit:
            self._count += 1
            self._context.run(self._start)
        else:
            return
        self._summoned = True

    def close(self) -> None:
        """Start no more workers."""
        self._closed = True

    def _start(self) -> None:
        self._group.start_soon(self._serve, name="rota worker")  # type: ignore[unused-awaitable,unused-ignore]

    async def _serve(self) -> None:
        self._summoned = False
        worker = Worker()
        try:
            with worker.scope:
                while not worker.retired:
                    if not await self._work(worker):
                        await self._rest(worker)
                    else:
                        await self._let_others_run()
        except get_cancelled_exc_class():
            if being_cancelled():
                self.close()  # the pool is torn down: a further worker would be cancelled, too, and start another
                raise
            # A job cancelled the task that it ran in, which took effect only after it had ended.
        except Exception as exc:
            self._node.logger.critical(
                "a worker failed; please report this",
                exc_info=exc,
                extra={"event": "worker.failed"},
            )
            await self._node.clock.sleep(BUG_PAUSE_SECONDS)
        finally:
            self._count -= 1
            self.summon()

    async def _let_others_run(self) -> None:
        """Yield to the event loop now and then: a worker may find work for a long time without ever being suspended."""
        self._steps += 1
        if self._steps % STEPS_PER_TURN == 0 or self._clock.monotonic() > self._turn_ends:
            await lowlevel.checkpoint()
            self._turn_ends = self._clock.monotonic() + TURN_SECONDS

    async def _rest(self, worker: Worker) -> None:
        worker.wakeup = anyio.Event()
        self._idle.append(worker)
        try:
            await worker.wakeup.wait()
        finally:
            if worker in self._idle:
                self._idle.remove(worker)
            else:
                self._summoned = False


def being_cancelled() -> bool:
    """Tell whether the calling task is being cancelled by a scope around it, and not by something else."""
    return current_effective_deadline() == -inf
