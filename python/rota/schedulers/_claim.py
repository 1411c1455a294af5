"""A job that this scheduler holds, from claiming it to having recorded how it ended."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from datetime import datetime

    from anyio import CancelScope

    from rota.model import Job, Task

__all__ = ["Claim", "Verdict"]


class Verdict(Enum):
    """Why a running job is being cancelled."""

    cancelled = auto()  #: somebody asked for it
    lost = auto()  #: the lease is no longer ours; nothing may be recorded
    stopped = auto()  #: the scheduler stops and the job took too long


@define(eq=False)
class Claim:
    """A claimed job.

    :param job: the job as it was claimed, with its token
    :param deadline: until when, by the monotonic clock, the lease is certainly ours: counted from when it was asked for
    :param started_at: when it was called, by the data store's clock; `None` as long as it waits for that
    :param task: its task, once that is known
    :param scope: while it runs, the scope of the worker that runs it
    :param verdict: why it is being cancelled, if it is
    """

    job: Job
    deadline: float
    started_at: datetime | None = None
    task: Task | None = None
    scope: CancelScope | None = None
    verdict: Verdict | None = None

    def cancel(self, verdict: Verdict) -> None:
        """Cancel the job if it runs, else keep it from being run. The first verdict stands, but for a loss."""
        if self.verdict is None or verdict is Verdict.lost:
            self.verdict = verdict
        if self.scope is not None:
            self.scope.cancel()
