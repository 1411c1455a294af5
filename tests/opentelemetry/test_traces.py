"""A span for each run of a job, and traces that go on from where a job is added to where it runs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.trace import (
    SpanKind,
    StatusCode,
    format_span_id,
    format_trace_id,
    get_current_span,
)

from rota import AsyncScheduler, IntervalTrigger, RetryPolicy, Scheduler, current_job
from rota.datastores.memory import MemoryDataStore

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from rota.testing import VirtualClock
    from tests.opentelemetry.conftest import Telemetry

NO_LINKS: tuple[Any, ...] = ()


async def work() -> None:
    """Do nothing."""


def trace_id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.trace_id


def span_id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def parent_id(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


@pytest.fixture
def tracer(telemetry: Telemetry) -> trace.Tracer:
    """Provide the tracer of a user."""
    return telemetry.tracers.get_tracer("user")


@pytest.mark.anyio
async def test_run_of_a_schedule_is_a_trace_of_its_own(
    telemetry: Telemetry, tracer: trace.Tracer, clock: VirtualClock
) -> None:
    """Even if the scheduler was started within another one."""
    scheduler = AsyncScheduler(clock=clock, identity="A")
    telemetry.instrument(scheduler)
    start = clock.now()
    with tracer.start_as_current_span("start-up"):
        async with scheduler:
            await scheduler.configure_task("work", func=work)
            await scheduler.start_in_background()
            await scheduler.add_schedule("work", IntervalTrigger(minutes=1), id="s")
            await clock.advance(1)

    (span, _) = telemetry.spans()
    assert span.name == "run work"
    assert span.kind is SpanKind.CONSUMER
    assert span.parent is None
    assert span.links == NO_LINKS
    assert span.status.status_code is StatusCode.UNSET
    attributes = dict(span.attributes or {})
    assert len(str(attributes.pop("rota.job.id"))) == 36
    assert attributes == {
        "rota.task.id": "work",
        "rota.schedule.id": "s",
        "rota.job.attempt": 1,
        "rota.job.scheduled_start": start.isoformat(),
        "rota.job.executor": "async",
        "rota.scheduler.identity": "A",
    }


@pytest.mark.anyio
async def test_job_that_is_to_run_at_once_continues_the_trace(
    telemetry: Telemetry, tracer: trace.Tracer, clock: VirtualClock
) -> None:
    """On whichever scheduler it runs; and so do the jobs that it adds itself."""
    store = MemoryDataStore()
    web, worker = AsyncScheduler(store, clock=clock), AsyncScheduler(store, clock=clock)
    telemetry.instrument(web)
    telemetry.instrument(worker)

    async def outer() -> None:
        await worker.add_job("inner")

    async with web, worker:
        await worker.configure_task("outer", func=outer)
        await worker.configure_task("inner", func=work)
        await worker.start_in_background()
        with tracer.start_as_current_span("request"):
            await web.add_job("outer")
        await clock.advance(1)

    request, run_outer, run_inner = telemetry.spans()
    assert [run_outer.name, run_inner.name] == ["run outer", "run inner"]
    assert parent_id(run_outer) == span_id(request)
    assert parent_id(run_inner) == span_id(run_outer)
    assert trace_id(request) == trace_id(run_outer) == trace_id(run_inner)


@pytest.mark.anyio
async def test_job_for_later_is_linked_to_where_it_was_added(
    telemetry: Telemetry, tracer: trace.Tracer, clock: VirtualClock
) -> None:
    scheduler = AsyncScheduler(clock=clock)
    telemetry.instrument(scheduler, backlog_interval=None)
    async with scheduler:
        await scheduler.configure_task("work", func=work)
        await scheduler.start_in_background()
        with tracer.start_as_current_span("request"):
            await scheduler.add_job("work", run_at=clock.now() + timedelta(hours=1))
        await clock.advance(timedelta(hours=2))

    request, run = telemetry.spans()
    assert run.parent is None
    assert trace_id(run) != trace_id(request)
    assert [link.context.span_id for link in run.links] == [span_id(request)]


@pytest.mark.anyio
async def test_schedule_that_is_run_out_of_turn_continues_the_trace(
    telemetry: Telemetry, tracer: trace.Tracer, clock: VirtualClock
) -> None:
    scheduler = AsyncScheduler(clock=clock)
    telemetry.instrument(scheduler)
    async with scheduler:
        await scheduler.configure_task("work", func=work)
        later = clock.now() + timedelta(days=1)
        await scheduler.add_schedule("work", IntervalTrigger(days=1, start_time=later), id="s")
        await scheduler.start_in_background()
        with tracer.start_as_current_span("request"):
            await scheduler.run_schedule("s")
        await clock.advance(1)

    request, run = telemetry.spans()
    assert trace_id(run) == trace_id(request)


@pytest.mark.anyio
async def test_metadata_of_the_user_stays_and_baggage_is_not_stored(
    telemetry: Telemetry, tracer: trace.Tracer, clock: VirtualClock
) -> None:
    scheduler = AsyncScheduler(clock=clock)
    telemetry.instrument(scheduler)
    seen: list[dict[str, Any]] = []

    async def look() -> None:
        seen.append(dict(current_job.get().metadata))

    async with scheduler:
        await scheduler.configure_task("look", func=look)
        await scheduler.start_in_background()
        token = context.attach(baggage.set_baggage("secret", "hush"))
        with tracer.start_as_current_span("request") as request:
            await scheduler.add_job("look", metadata={"mine": 1})
        context.detach(token)
        await scheduler.add_job("look", metadata={"mine": 2})
        await clock.advance(1)

    ids = request.get_span_context()
    traced, untraced = seen
    assert untraced == {"mine": 2}
    assert traced["mine"] == 1
    assert list(traced["trace_context"]) == ["traceparent"]
    expected = f"00-{format_trace_id(ids.trace_id)}-{format_span_id(ids.span_id)}-"
    assert traced["trace_context"]["traceparent"].startswith(expected)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "carrier", ["nonsense", {"traceparent": "nonsense"}, {"traceparent": [1]}, 7, {}]
)
async def test_what_is_no_trace_context_begins_a_trace(
    telemetry: Telemetry, clock: VirtualClock, carrier: object
) -> None:
    scheduler = AsyncScheduler(clock=clock)
    telemetry.instrument(scheduler)
    async with scheduler:
        await scheduler.configure_task("work", func=work)
        await scheduler.start_in_background()
        for run_at in (None, clock.now()):
            await scheduler.add_job("work", metadata={"trace_context": carrier}, run_at=run_at)
        await clock.advance(1)

    spans = telemetry.spans()
    assert [(span.parent, span.links) for span in spans] == [(None, NO_LINKS)] * 2


@pytest.mark.anyio
async def test_failed_attempts_are_spans_with_the_error(
    telemetry: Telemetry, clock: VirtualClock
) -> None:
    async def fail() -> None:
        raise ValueError("the reason")

    scheduler = AsyncScheduler(clock=clock)
    telemetry.instrument(scheduler)
    async with scheduler:
        await scheduler.configure_task("fail", func=fail, retry=RetryPolicy(max_attempts=2))
        await scheduler.start_in_background()
        await scheduler.add_job("fail")
        await clock.advance(3600)

    spans = telemetry.spans()
    assert [span.attributes["rota.job.attempt"] for span in spans if span.attributes] == [1, 2]
    for span in spans:
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "ValueError: the reason"
        assert (span.attributes or {})["error.type"] == "ValueError"
        assert [event.name for event in span.events] == ["exception"]


@pytest.mark.anyio
async def test_cancelled_run_says_so(telemetry: Telemetry, clock: VirtualClock) -> None:
    async def slow() -> None:
        await clock.sleep(1000)

    scheduler = AsyncScheduler(clock=clock)
    telemetry.instrument(scheduler)
    async with scheduler:
        await scheduler.configure_task("slow", func=slow)
        await scheduler.start_in_background()
        job_id = await scheduler.add_job("slow")
        await clock.advance(1)
        await scheduler.cancel_job(job_id)
        await clock.advance(1)

    (span,) = telemetry.spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "cancelled"
    assert (span.attributes or {})["error.type"] == "cancelled"


seen_in_thread: list[int] = []


def look() -> None:
    seen_in_thread.append(get_current_span().get_span_context().trace_id)


def test_blocking_scheduler_continues_the_trace_of_the_calling_thread(
    telemetry: Telemetry, tracer: trace.Tracer
) -> None:
    """And the span of the run is the current one within the thread that runs the job."""
    seen_in_thread.clear()
    scheduler = Scheduler()
    telemetry.instrument(scheduler)
    with scheduler:
        scheduler.start_in_background()
        with tracer.start_as_current_span("request"):
            scheduler.run_job(look)

    run, request = sorted(telemetry.spans(), key=lambda span: span.end_time or 0)
    assert trace_id(run) == trace_id(request)
    assert seen_in_thread == [trace_id(request)]
