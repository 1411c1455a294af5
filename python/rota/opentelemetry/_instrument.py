"""Turning OpenTelemetry on for a scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import metrics, trace

from rota._backend import VERSION
from rota.model import RunState
from rota.model._validation import as_timedelta
from rota.opentelemetry._instruments import instruments_of
from rota.opentelemetry._tracing import TracedExecutor, trace_context
from rota.opentelemetry._watch import Watch
from rota.schedulers.async_ import AsyncScheduler
from rota.schedulers.sync import Scheduler

if TYPE_CHECKING:
    from datetime import timedelta

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["instrument"]

BACKLOG_SECONDS = 15.0


def instrument(
    scheduler: AsyncScheduler | Scheduler,
    *,
    meter_provider: MeterProvider | None = None,
    tracer_provider: TracerProvider | None = None,
    backlog_interval: timedelta | float | None = BACKLOG_SECONDS,
) -> None:
    """Have a scheduler report what it does to OpenTelemetry, for as long as it lives.

    It must be done before the scheduler is started. The guide on observability lists the metrics, the spans and
    their attributes.

    :param meter_provider: where metrics go; by default to the provider that OpenTelemetry is set up with
    :param tracer_provider: where spans go; by default to the provider that OpenTelemetry is set up with
    :param backlog_interval: how often, while the scheduler runs, what waits in the data store is counted;
        `None` for never
    :raises RuntimeError: if the scheduler runs, or is instrumented already
    """
    if isinstance(scheduler, Scheduler):
        scheduler = scheduler._async
    if not isinstance(scheduler, AsyncScheduler):
        raise TypeError(f"scheduler must be a Scheduler or an AsyncScheduler, got: {scheduler!r}")
    if scheduler._stamp is not None:
        raise RuntimeError(f"the scheduler is instrumented already: {scheduler.identity}")
    if scheduler.state is not RunState.stopped or scheduler._exit_stack is not None:
        raise RuntimeError(
            f"the scheduler must be instrumented before it is started: {scheduler.identity}"
        )
    interval = as_timedelta(backlog_interval, "backlog_interval")
    if interval is not None and interval.total_seconds() <= 0:
        raise ValueError(f"backlog_interval must be positive, got: {backlog_interval}")
    provider = metrics.get_meter_provider() if meter_provider is None else meter_provider
    instruments = instruments_of(provider)
    tracer = trace.get_tracer("rota", VERSION, tracer_provider)
    watch = Watch(scheduler, instruments, interval)
    scheduler._stamp = trace_context
    scheduler._companions.append(watch.run)
    scheduler.job_executors = {
        name: TracedExecutor(executor, name, scheduler.identity, tracer, instruments)
        for name, executor in scheduler.job_executors.items()
    }
