from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rota.opentelemetry import instrument
from rota.testing.fixtures import virtual_clock as virtual_clock

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from rota import AsyncScheduler, Scheduler
    from rota.testing import VirtualClock


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(
    request: pytest.FixtureRequest, virtual_clock: VirtualClock
) -> tuple[str, dict[str, Any]]:
    return request.param, virtual_clock.backend_options(request.param)


@pytest.fixture
def clock(virtual_clock: VirtualClock) -> VirtualClock:
    """Name it as most tests read best."""
    return virtual_clock


@define
class Telemetry:
    """What an OpenTelemetry in memory was told."""

    reader: InMemoryMetricReader = field(factory=InMemoryMetricReader)
    exporter: InMemorySpanExporter = field(factory=InMemorySpanExporter)
    meters: MeterProvider = field(init=False)
    tracers: TracerProvider = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))

    def instrument(self, scheduler: AsyncScheduler | Scheduler, **options: Any) -> None:
        """Have a scheduler report here."""
        instrument(scheduler, meter_provider=self.meters, tracer_provider=self.tracers, **options)

    def metrics(self) -> dict[str, Any]:
        """Return the metrics at present, by name, as OpenTelemetry has them."""
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def points(self, name: str, *left_out: str) -> list[tuple[dict[str, Any], Any]]:
        """Return the data points of a metric, each with its attributes, less some."""
        metric = self.metrics().get(name)
        points = () if metric is None else metric.data.data_points
        return [
            ({key: value for key, value in point.attributes.items() if key not in left_out}, point)
            for point in points
        ]

    def values(self, name: str, *left_out: str) -> list[tuple[dict[str, Any], Any]]:
        """Return what a counter or a gauge tells, each with its attributes, less some."""
        return [(attributes, point.value) for attributes, point in self.points(name, *left_out)]

    def sums(self, name: str) -> list[tuple[dict[str, Any], int, float]]:
        """Return what a histogram tells: attributes, count, sum."""
        return [(attributes, point.count, point.sum) for attributes, point in self.points(name)]

    def spans(self) -> list[ReadableSpan]:
        """Return the spans that have ended, in that order."""
        return list(self.exporter.get_finished_spans())


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()
