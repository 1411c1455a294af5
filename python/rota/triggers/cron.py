"""A trigger that fires when the wall clock matches cron fields."""

from __future__ import annotations

from datetime import datetime, tzinfo
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, TypeVar

from rota import _backend
from rota.triggers._cron_syntax import (
    FIELDS,
    CronTexts,
    check_types,
    complete_fields,
    parse_fields,
    split_crontab,
)
from rota.triggers._definition import (
    TriggerDefinitionError,
    TriggerTypeError,
    as_moment,
    as_timezone,
    check_order,
    now_in,
    quote,
    to_micros,
)
from rota.triggers._planned import (
    PlannedTrigger,
    definition,
    moment_field,
    set_starts_now,
    shared_plan,
)

if TYPE_CHECKING:
    from typing_extensions import Self

    from rota._core import Plan

__all__ = ["CronTrigger", "Gap", "Overlap", "set_default_policies"]

Gap = Literal["auto", "skip", "shift_to_gap_end"]
Overlap = Literal["auto", "first", "second", "both"]

_Choice = TypeVar("_Choice", Gap, Overlap)

_GAPS = {"skip": 0, "shift_to_gap_end": 1}
_OVERLAPS = {"first": 0, "second": 1, "both": 2}


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
        texts = _texts((year, month, day, week, day_of_week, hour, minute, second))
        if not isinstance(either_day, bool):
            raise TriggerTypeError(f"either_day must be a bool, got: {quote(either_day)}")
        parse_fields(texts, either_day)
        zone = as_timezone(timezone)
        start = now_in(zone) if start_time is None else as_moment("start_time", start_time, zone)
        end = None if end_time is None else as_moment("end_time", end_time, zone)
        check_order("time", start, end)
        self.__attrs_init__(
            **dict(zip(FIELDS, texts, strict=True)),
            start_time=start,
            end_time=end,
            timezone=zone,
            gap=_choose("gap", gap, _default_gap, _GAPS),
            overlap=_choose("overlap", overlap, _default_overlap, _OVERLAPS),
            either_day=either_day,
        )
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
        wildcard = parse_fields(_texts_of(self), self.either_day).wildcard
        gap: Gap = "skip" if wildcard else "shift_to_gap_end"
        overlap: Overlap = "both" if wildcard else "first"
        return (
            gap if self.gap == "auto" else self.gap,
            overlap if self.overlap == "auto" else self.overlap,
        )

    def _build(self, core: _backend.Core) -> Plan:
        parsed = parse_fields(_texts_of(self), self.either_day)
        gap, overlap = self._policies()
        return shared_plan(
            core.Plan.cron,
            _backend.zone_in(core, self.timezone),
            parsed.masks,
            to_micros(self.start_time),
            None if self.end_time is None else to_micros(self.end_time),
            _GAPS[gap],
            _OVERLAPS[overlap],
        )


def set_default_policies(gap: Gap, overlap: Overlap) -> None:
    """Set what a trigger has that is created from now on and is not told: `auto` for both, unless this was called."""
    global _default_gap, _default_overlap
    _default_gap = _choose("gap", gap, gap, _GAPS)
    _default_overlap = _choose("overlap", overlap, overlap, _OVERLAPS)


_default_gap: Gap = "auto"
_default_overlap: Overlap = "auto"


def _choose(
    name: str, choice: _Choice | None, default: _Choice, choices: dict[str, int]
) -> _Choice:
    if choice is None:
        return default
    if not isinstance(choice, str):
        raise TriggerTypeError(f"{name} must be text, got: {quote(choice)}")
    if choice != "auto" and choice not in choices:
        raise TriggerDefinitionError(
            f"{name} must be one of auto, {', '.join(choices)}, got: {quote(choice)}"
        )
    return choice


_texts_of = attrgetter(*FIELDS)


def _texts(values: tuple[object, ...]) -> CronTexts:
    try:
        return complete_fields(values)
    except TypeError as error:
        if not isinstance(error, TriggerTypeError):
            check_types(values)  # one of them has no hash
        raise
