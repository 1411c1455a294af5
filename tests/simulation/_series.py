"""The fire times of an interval by counting, independent of any trigger."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from attrs import define

from rota import CoalescePolicy
from rota.triggers.interval import IntervalTrigger

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Return a time as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


@define(frozen=True)
class Series:
    """Every `step` microseconds from `start` to `end`, both inclusive."""

    start: int
    step: int
    end: int

    @classmethod
    def of(cls, trigger: object) -> Series | None:
        """Return the series of an interval trigger; of no other."""
        if not isinstance(trigger, IntervalTrigger):
            return None
        assert trigger.end_time is not None, "all schedules of the simulation end"
        step = timedelta(seconds=trigger.seconds) // _MICROSECOND
        return cls(micros(trigger.start_time), step, micros(trigger.end_time))

    def between(self, first: int, before: int | None) -> list[int]:
        """Return the times from `first` on, and earlier than `before`."""
        count = max(-((self.start - first) // self.step), 0)
        stop = self.end + 1 if before is None else min(before, self.end + 1)
        return list(range(self.start + count * self.step, stop, self.step))


def kept(times: list[int], policy: CoalescePolicy) -> list[int]:
    """Return which of several due times become jobs."""
    match policy:
        case CoalescePolicy.earliest:
            return times[:1]
        case CoalescePolicy.latest:
            return times[-1:]
    return times
