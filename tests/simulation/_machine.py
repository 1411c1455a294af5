"""Machines that can be frozen and killed: an event loop that knows on which of them each callback runs."""

from __future__ import annotations

import asyncio
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, field

from rota.testing import VirtualClock
from rota.testing._asyncio_loop import VirtualEventLoop

if TYPE_CHECKING:
    from collections.abc import Callable

#: The machine that the running code belongs to. What a task starts inherits it.
machine_variable: ContextVar[Machine | None] = ContextVar("machine", default=None)


@define(eq=False)
class Machine:
    """What a process is to its host: it can be stopped, continued and killed, at any point, without noticing.

    :param held: what would have run while it was stopped
    :param thawed_at: when it was last continued, in seconds of the simulation
    """

    name: str
    frozen: bool = False
    dead: bool = False
    thawed_at: float = -1e9
    held: list[asyncio.Handle] = field(factory=list)

    def context(self) -> Context:
        """Return a context in which whatever is started belongs to this machine."""
        context = copy_context()
        context.run(machine_variable.set, self)
        return context

    def freeze(self) -> None:
        """Stop it, as SIGSTOP does."""
        self.frozen = True

    def thaw(self) -> None:
        """Continue it, as SIGCONT does: everything that has come due meanwhile happens now, in order."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MachineEventLoop)
        self.frozen = False
        self.thawed_at = loop.time()
        held, self.held = self.held, []
        for handle in held:
            loop.resume(handle)


class MachineEventLoop(VirtualEventLoop):
    """Runs the callbacks of all machines, but holds back those of machines that are stopped."""

    def call_soon(  # type: ignore[override,unused-ignore]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run a callback on the machine of its context, as soon as that runs."""
        if context is None:
            context = copy_context()
        machine = context.get(machine_variable)
        if machine is None or not machine.frozen:
            return super().call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        machine.held.append(handle)
        return handle

    def call_at(  # type: ignore[override,unused-ignore]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback at a time, or once its machine runs again."""
        if context is None:
            context = copy_context()
        machine = context.get(machine_variable)
        if machine is None:
            return super().call_at(when, callback, *args, context=context)
        timer: list[asyncio.TimerHandle] = []
        due = partial(self._due, machine, context, timer, callback, args)
        timer.append(super().call_at(when, due, context=context))
        return timer[0]

    def _due(
        self,
        machine: Machine,
        context: Context,
        timer: list[asyncio.TimerHandle],
        callback: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        if machine.frozen:
            late = asyncio.Handle(partial(self._late, timer[0], callback, args), (), self, context)
            machine.held.append(late)
        else:
            callback(*args)

    def _late(
        self, timer: asyncio.TimerHandle, callback: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        if not timer.cancelled():
            callback(*args)

    def resume(self, handle: asyncio.Handle) -> None:
        """Run what was held back."""
        self._ready.append(handle)  # type: ignore[attr-defined]  # it is a handle of this loop already


class MachineClock(VirtualClock):
    """The virtual clock whose event loops know machines."""

    def backend_options(self, backend: str) -> dict[str, Any]:
        """Return what `anyio.run` needs in order to run under this clock."""
        assert backend == "asyncio", "the order of events is not repeatable on Trio"
        return {"loop_factory": partial(MachineEventLoop, self._timeline, 0.0)}
