"""The metrics: one set of instruments for each meter provider, whatever the number of schedulers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary, WeakSet

from opentelemetry.metrics import CallbackOptions, Observation

from rota._backend import VERSION

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider

    from rota.opentelemetry._watch import Watch

__all__ = ["Instruments", "instruments_of"]

#: from what ends within an event loop's turn to what takes an hour
DURATIONS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
)

Observe: TypeAlias = Callable[["Watch"], Iterable[Observation]]


class Instruments:
    """What schedulers report to.

    :param watches: the schedulers that are asked when metrics are read
    """

    def __init__(self, meter: Meter) -> None:
        self.watches: WeakSet[Watch] = WeakSet()
        self.ended = meter.create_counter(
            "rota.job.ended", "{job}", "Jobs, or attempts at them, that have ended"
        )
        self.duration = meter.create_histogram(
            "rota.job.duration",
            "s",
            "How long jobs ran",
            explicit_bucket_boundaries_advisory=DURATIONS,
        )
        self.lateness = meter.create_histogram(
            "rota.job.lateness",
            "s",
            "How long after their time jobs were started",
            explicit_bucket_boundaries_advisory=DURATIONS,
        )
        self.active = meter.create_up_down_counter(
            "rota.job.active", "{job}", "Jobs that are being run"
        )
        self.leases_lost = meter.create_counter(
            "rota.job.lease.lost", "{job}", "Running jobs whose leases were lost"
        )
        self.skipped = meter.create_counter(
            "rota.fire_time.skipped",
            "{fire_time}",
            "Fire times without a job, because an earlier one of the schedule had not ended",
        )
        self.schedules_failed = meter.create_counter(
            "rota.schedule.failed", "{schedule}", "Schedules that were set aside"
        )
        self._observe_schedulers(meter)
        self._observe_stores(meter)

    def _observe_schedulers(self, meter: Meter) -> None:
        meter.create_observable_counter(
            "rota.event.dropped",
            [self._asking(lambda watch: watch.dropped_events())],
            "{event}",
            "Events that did not fit into a queue",
        )
        meter.create_observable_gauge(
            "rota.scheduler.problems",
            [self._asking(lambda watch: watch.problems())],
            "{problem}",
            "What a scheduler is doing in vain at present",
        )

    def _observe_stores(self, meter: Meter) -> None:
        meter.create_observable_gauge(
            "rota.store.job.count",
            [self._asking(lambda watch: watch.jobs())],
            "{job}",
            "Jobs in the data store that have not ended",
        )
        meter.create_observable_gauge(
            "rota.store.schedule.due",
            [self._asking(lambda watch: watch.due_schedules())],
            "{schedule}",
            "Schedules in the data store that are due and have not been processed",
        )
        meter.create_observable_gauge(
            "rota.store.schedule.overdue",
            [self._asking(lambda watch: watch.overdue())],
            "s",
            "For how long the first of the due schedules has been due",
        )

    def _asking(self, observe: Observe) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def ask(_options: CallbackOptions) -> Iterable[Observation]:
            for watch in list(self.watches):
                yield from observe(watch)

        return ask


_instruments: WeakKeyDictionary[MeterProvider, Instruments] = WeakKeyDictionary()


def instruments_of(provider: MeterProvider) -> Instruments:
    """Return the instruments of a provider, made once."""
    found = _instruments.get(provider)
    if found is None:
        found = _instruments[provider] = Instruments(provider.get_meter("rota", VERSION))
    return found
