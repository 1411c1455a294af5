"""A trigger that fires once."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from rota import _backend
from rota.triggers._definition import as_moment, timezone_of, to_micros
from rota.triggers._planned import PlannedTrigger, definition, moment_field

if TYPE_CHECKING:
    from rota._core import Plan

__all__ = ["DateTrigger"]


@definition
class DateTrigger(PlannedTrigger):
    """Fires once, at `run_time`: a datetime or ISO 8601 text; if it is naive, in the local time zone."""

    run_time: datetime = moment_field()

    def __init__(self, run_time: datetime | str) -> None:
        self.__attrs_init__(run_time=as_moment("run_time", run_time))

    _define = __init__

    def _timezones(self) -> list[tzinfo]:
        return [timezone_of(self.run_time)]

    def _build(self, core: _backend.Core) -> Plan:
        return core.Plan.date(
            _backend.zone_in(core, timezone_of(self.run_time)), to_micros(self.run_time)
        )
