"""A trigger that fires when the wall clock matches cron fields."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from attrs import define

from rota import _backend
from rota.triggers._cron_syntax import FIELDS, complete_fields, parse_fields, split_crontab
from rota.triggers._definition import (
    TriggerDefinitionError,
    TriggerTypeError,
    as_moment,
    as_timezone,
    check_order,
    now_in,
    quote,
)
from rota.triggers._planned import (
    PlannedTrigger,
    definition,
    initializer,
    moment_field,
    set_starts_now,
)
from rota.triggers._plans import micros_in, shared_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from rota._core import CronFields, Plan, Zone

__all__ = ["CronTrigger", "Gap", "Overlap", "set_default_policies"]

Gap = Literal["auto", "skip", "shift_to_gap_end"]
Overlap = Literal["auto", "first", "second", "both"]

#: The fields but for the bounds and the zone.
_Definition: TypeAlias = "tuple[str, str, str, str, str, str, str, str, bool, Gap, Overlap]"

_GAPS: dict[Gap, int] = {"skip": 0, "shift_to_gap_end": 1}
_OVERLAPS: dict[Overlap, int] = {"first": 0, "second": 1, "both": 2}
_Choice = TypeVar("_Choice", Gap, Overlap)


@definition
class CronTrigger(PlannedTrigger):
    """Fires when the wall clock of `timezone` matches all fields, from `start_time` to `end_time`, inclusive.

    A field is a number or text: `*`, `5`, `mon`, `1-5`, `*/15`, `10-20/5`, lists of these; for `day` also `L`, `L-3`,
    `LW`, `15W`, `last`, `3rd fri`, `last fri`; for `day_of_week`, where 0 and 7 are Sunday, also `5#3` and `5L`. `week`
    is that of ISO 8601. Fields that are not given are `*` above the least significant that is given, and as small as
    can be below.

    `gap` and `overlap` say what happens to wall times that the time zone skips or repeats. By default a trigger whose
    second, minute and hour are all without `*` fires once: right after the gap, and in the first pass of an overlap.
    Any other follows real time: nothing in the gap, both passes of an overlap.

    `start_time` is the current time by default; naive times are in `timezone`.
    """

    year: str
    month: str
    day: str
    week: str
    day_of_week: str
    hour: str
    minute: str
    second: str
    start_time: datetime = moment_field()
    end_time: datetime | None = moment_field(default=None)
    timezone: tzinfo
    gap: Gap = "auto"
    overlap: Overlap = "auto"
    either_day: bool = False

    def __init__(
        self,
        *,
        year: int | str | None = None,
        month: int | str | None = None,
        day: int | str | None = None,
        week: int | str | None = None,
        day_of_week: int | str | None = None,
        hour: int | str | None = None,
        minute: int | str | None = None,
        second: int | str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        timezone: tzinfo | str = "local",
        gap: Gap | None = None,
        overlap: Overlap | None = None,
        either_day: bool = False,
    ) -> None:
        given = (
            year,
            month,
            day,
            week,
            day_of_week,
            hour,
            minute,
            second,
            either_day,
            _default_gap if gap is None else gap,
            _default_overlap if overlap is None else overlap,
        )
        try:
            rule = _read(*given)
        except TriggerTypeError:
            raise
        except TypeError:
            rule = _read.__wrapped__(*given)  # which tells what is wrong with one that has no hash
        zone = as_timezone(timezone)
        start = now_in(zone) if start_time is None else as_moment("start_time", start_time, zone)
        end = None if end_time is None else as_moment("end_time", end_time, zone)
        if end is not None:
            check_order("time", start, end)
        _set_fields(self, *rule.definition, start, end, zone)
        if start_time is None or self._starts_now:
            set_starts_now(self, start_time is None)

    _define = __init__
    _start = "start_time"

    @classmethod
    def from_crontab(
        cls,
        expr: str,
        timezone: tzinfo | str = "local",
        *,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        seconds: bool = False,
        either_day: bool = False,
        gap: Gap | None = None,
        overlap: Overlap | None = None,
    ) -> Self:
        """Return the trigger of a crontab expression: minute, hour, day, month and day of week, or a macro (`@daily`).

        With `seconds`, a sixth field, the first, is the second. With `either_day`, a date matches if its day or its
        day of week does, as crontab(5) says it, unless one of these fields begins with `*`; else both must match.
        """
        return cls(
            **split_crontab(expr, seconds),
            start_time=start_time,
            end_time=end_time,
            timezone=timezone,
            gap=gap,
            overlap=overlap,
            either_day=either_day,
        )

    def _timezones(self) -> list[tzinfo]:
        return [self.timezone]

    def _policies(self) -> tuple[Gap, Overlap]:
        """Return what is done in a gap and in an overlap, which `auto` leaves to the fields."""
        rule = _rule(_definition_of(self))
        return rule.gap, rule.overlap

    def _build(self, core: _backend.Core) -> Plan:
        zone = _backend.zone_in(core, self.timezone)
        return shared_plan(
            _compile,
            core.Plan.cron,
            zone,
            _rule(_definition_of(self)),
            micros_in(zone, self.start_time),
            None if self.end_time is None else micros_in(zone, self.end_time),
        )


@define(eq=False)
class _Rule:
    """What a definition says but for its bounds and its zone. There is one of those that say the same, mostly.

    :param definition: the fields of a trigger
    :param masks: what the texts among them say
    :param gap: what is done in a gap, which `auto` leaves to the texts
    :param overlap: what is done in an overlap, likewise
    """

    definition: _Definition
    masks: CronFields
    gap: Gap
    overlap: Overlap


#: Programs have many schedules and few rules.
@lru_cache(maxsize=4096, typed=True)
def _read(
    year: int | str | None,
    month: int | str | None,
    day: int | str | None,
    week: int | str | None,
    day_of_week: int | str | None,
    hour: int | str | None,
    minute: int | str | None,
    second: int | str | None,
    either_day: bool,
    gap: Gap,
    overlap: Overlap,
) -> _Rule:
    """Check what a trigger is given besides its bounds and its zone, and return what it says."""
    texts = complete_fields((year, month, day, week, day_of_week, hour, minute, second))
    if not isinstance(either_day, bool):
        raise TriggerTypeError(f"either_day must be a bool, got: {quote(either_day)}")
    gap, overlap = _choose("gap", gap, _GAPS), _choose("overlap", overlap, _OVERLAPS)
    return _rule((*texts, either_day, gap, overlap))


@lru_cache(maxsize=4096)
def _rule(definition: _Definition) -> _Rule:
    either_day, gap, overlap = definition[8:]
    masks, wildcard = parse_fields(definition[:8], either_day)
    if gap == "auto":
        gap = "skip" if wildcard else "shift_to_gap_end"
    if overlap == "auto":
        overlap = "both" if wildcard else "first"
    return _Rule(definition, masks, gap, overlap)


_definition_of = attrgetter(*FIELDS, "either_day", "gap", "overlap")
_set_fields = initializer(
    CronTrigger,
    *FIELDS,
    "either_day",
    "gap",
    "overlap",
    "start_time",
    "end_time",
    "timezone",
)


def _compile(
    make: Callable[..., Plan], zone: Zone, rule: _Rule, start: int, end: int | None
) -> Plan:
    return make(zone, rule.masks, start, end, _GAPS[rule.gap], _OVERLAPS[rule.overlap])


def set_default_policies(gap: Gap, overlap: Overlap) -> None:
    """Set what a trigger has that is created from now on and is not told: `auto` for both, unless this was called."""
    global _default_gap, _default_overlap
    _default_gap = _choose("gap", gap, _GAPS)
    _default_overlap = _choose("overlap", overlap, _OVERLAPS)


_default_gap: Gap = "auto"
_default_overlap: Overlap = "auto"


def _choose(name: str, choice: _Choice, choices: dict[_Choice, int]) -> _Choice:
    """Return the choice as it is written here, of which what is given may be a user's equal."""
    if not isinstance(choice, str):
        raise TriggerTypeError(f"{name} must be text, got: {quote(choice)}")
    if choice == "auto":
        return "auto"
    for known in choices:
        if choice == known:
            return known
    raise TriggerDefinitionError(
        f"{name} must be one of auto, {', '.join(choices)}, got: {quote(choice)}"
    )
