"""Spans of job runs, and how a trace goes on from where a job is added to where it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rota.abc import JobExecutor
from rota.abc._executor import start_executor
from rota.opentelemetry._names import (
    ERROR_TYPE,
    EXECUTOR,
    JOB_ATTEMPT,
    JOB_ID,
    JOB_SCHEDULED_START,
    SCHEDULE_ID,
    SCHEDULER,
    TASK_ID,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from opentelemetry.trace import Tracer

    from rota.abc import Clock
    from rota.model import Job
    from rota.opentelemetry._instruments import Instruments

__all__ = ["CARRIER", "TracedExecutor", "trace_context"]

CARRIER = "trace_context"  #: where in the metadata of a job its trace context is

# Not the propagator that OpenTelemetry is set up with: what else travels with a request, as its baggage, is not to be
# stored.
_propagator = TraceContextTextMapPropagator()


def trace_context() -> Mapping[str, Any]:
    """Return what the metadata of a job needs for its run to be found from the current span."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return {CARRIER: carrier} if carrier else {}


class TracedExecutor(JobExecutor):
    """Has an executor run jobs within spans, and counts those that run."""

    def __init__(
        self,
        executor: JobExecutor,
        name: str,
        identity: str,
        tracer: Tracer,
        instruments: Instruments,
    ) -> None:
        self._executor = executor
        self._attributes = {EXECUTOR: name, SCHEDULER: identity}
        self._tracer = tracer
        self._active = instruments.active

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._executor!r})"

    async def start(self, exit_stack: AsyncExitStack, clock: Clock) -> None:
        """Start the executor."""
        await start_executor(self._executor, exit_stack, clock)

    async def run_job(self, func: Callable[..., Any], job: Job) -> Any:
        """Have the executor call `func`; the span is current within it, in threads too."""
        task = {TASK_ID: job.task_id}
        origin = _origin(job)
        # What was to run at once is a part of what asked for it. What runs later would keep that trace open for long.
        is_part = job.scheduled_fire_time is None
        span = self._tracer.start_as_current_span(
            f"run {job.task_id}",
            context=origin if is_part else Context(),
            kind=SpanKind.CONSUMER,
            attributes={**_describe(job), **self._attributes},
            links=[] if is_part else _links(origin),
        )
        self._active.add(1, task)
        try:
            with span as current:
                try:
                    return await self._executor.run_job(func, job)
                except Exception as exc:
                    current.set_attribute(ERROR_TYPE, type(exc).__qualname__)
                    raise
                except BaseException:  # a cancellation, which is not recorded as an error by itself
                    current.set_attribute(ERROR_TYPE, "cancelled")
                    current.set_status(Status(StatusCode.ERROR, "cancelled"))
                    raise
        finally:
            self._active.add(-1, task)


def _origin(job: Job) -> Context:
    """Return the context in which a job was added; an empty one if that is not known."""
    carrier = job.metadata.get(CARRIER)
    if not isinstance(carrier, Mapping):
        return Context()
    texts = {name: value for name, value in carrier.items() if isinstance(value, str)}
    return _propagator.extract(texts, Context())


def _links(origin: Context) -> list[Link]:
    context = get_current_span(origin).get_span_context()
    return [Link(context)] if context.is_valid else []


def _describe(job: Job) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        TASK_ID: job.task_id,
        JOB_ID: str(job.id),
        JOB_ATTEMPT: job.attempt,
    }
    if job.schedule_id is not None:
        attributes[SCHEDULE_ID] = job.schedule_id
    if job.scheduled_fire_time is not None:
        attributes[JOB_SCHEDULED_START] = job.scheduled_fire_time.isoformat()
    return attributes
