"""The Hypothesis strategies for triggers: definitions as plain data, which either core can be asked to compile."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.triggers.oracle import transitions

if TYPE_CHECKING:
    from rota._backend import Core
    from rota._core import CronFields, DaySpec, Plan, Zone

SECOND = 1_000_000
DAY = 86_400 * SECOND

#: Zones whose transitions are unlike others: 30 minutes, at midnight, negative DST, a day that is missing, two hours.
SPECIAL_ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Santiago",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Pacific/Apia",
]
ALL_ZONES = sorted(zoneinfo.available_timezones())
FIXED = ["+00:00", "+05:45", "-23:59", "+23:59"]

zone_names = st.one_of(
    st.sampled_from([*SPECIAL_ZONES, "Europe/Berlin", "America/New_York", "UTC"]),
    st.sampled_from(ALL_ZONES),
    st.sampled_from(FIXED),
)


@cache
def tzinfo_of(name: str) -> tzinfo:
    """Return the time zone of an IANA name, or the fixed offset of `±hh:mm`."""
    if name[0] not in "+-":
        return zoneinfo.ZoneInfo(name)
    minutes = int(name[1:3]) * 60 + int(name[4:6])
    return timezone(timedelta(minutes=-minutes if name[0] == "-" else minutes))


@cache
def tzif_of(name: str) -> bytes:
    """Return the TZif data that `zoneinfo` reads."""
    for directory in zoneinfo.TZPATH:
        path = Path(directory, name)
        if path.is_file():
            return path.read_bytes()
    *parents, last = name.split("/")
    return files(".".join(["tzdata.zoneinfo", *parents])).joinpath(last).read_bytes()


_zones: dict[tuple[int, str], Zone] = {}


def zone_of(core: Core, name: str) -> Zone:
    """Return the zone of a name in a core."""
    if (id(core), name) not in _zones:
        tz = tzinfo_of(name)
        if isinstance(tz, timezone):
            zone = core.Zone.fixed(tz, tz.utcoffset(None) // timedelta(microseconds=1))
        else:
            zone = core.Zone.from_tzif(tz, tzif_of(name))
        _zones[id(core), name] = zone
    return _zones[id(core), name]


@cache
def transitions_of(name: str) -> list[int]:
    """Return the instants of all transitions from 1970 to 2099."""
    tz = tzinfo_of(name)
    return (
        []
        if isinstance(tz, timezone)
        else [int(at.timestamp()) * SECOND for at in transitions(tz, 1970, 2099)]
    )


def micros(*parts: int) -> int:
    """Return the instant of a date and time in UTC."""
    year, month, day, *rest = parts
    hour, minute, second, microsecond = (*rest, 0, 0, 0, 0)[:4]
    moment = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=timezone.utc)
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)


FIRST, LAST = micros(1970, 1, 1), micros(2100, 1, 1)


@st.composite
def instants(draw: st.DrawFn, zone: str = "UTC") -> int:
    """Draw instants from 1970 to 2099, most of them near a transition of `zone`, if it has any."""
    changes: list[int] = transitions_of(zone)
    if changes and draw(st.integers(0, 3)) > 0:
        around = draw(st.sampled_from(changes))
        distance = draw(st.integers(-3 * 86_400, 3 * 86_400)) * SECOND
        return around + distance + draw(st.sampled_from([0, 0, -1, 1, 500_000]))
    return draw(st.integers(FIRST, LAST))


def masks(low: int, high: int) -> st.SearchStrategy[int]:
    """Return masks with at least one of the bits `low`-`high`."""
    every = sum(1 << bit for bit in range(low, high + 1))
    one = st.integers(low, high).map(lambda bit: 1 << bit)
    few = st.sets(st.integers(low, high), min_size=1, max_size=4).map(
        lambda them: sum(1 << bit for bit in them)
    )
    steps = st.builds(
        lambda first, step: sum(1 << bit for bit in range(first, high + 1, step)),
        st.integers(low, high),
        st.integers(1, max(1, high // 2)),
    )
    return st.one_of(st.just(every), one, few, steps)


EVERY_DAY: DaySpec = ((1 << 32) - 2, 0, 0, 0, 0, 0)


@st.composite
def day_specs(draw: st.DrawFn) -> DaySpec:
    kind = draw(st.integers(0, 7))
    if kind < 3:
        return EVERY_DAY
    parts = [0] * 6
    limits = [(1, 31), (0, 30), (0, 31), (0, 34), (0, 6), (0, 6)]
    for index in draw(st.sets(st.integers(0, 5), min_size=1, max_size=2)):
        parts[index] = draw(masks(*limits[index]))
    return tuple(parts)  # type: ignore[return-value]


@st.composite
def cron_fields(draw: st.DrawFn) -> CronFields:
    years: bytes | None = None
    if draw(st.integers(0, 9)) == 0:
        listed = draw(st.sets(st.integers(1965, 2110), min_size=1, max_size=3))
        years = sum(1 << year for year in listed).to_bytes(1250, "little")
    weeks = draw(masks(1, 53)) if draw(st.integers(0, 9)) == 0 else 0
    return (
        draw(st.one_of(st.just(1), masks(0, 59))),
        draw(masks(0, 59)),
        draw(masks(0, 23)),
        draw(st.one_of(st.just((1 << 13) - 2), masks(1, 12))),
        years,
        weeks,
        draw(day_specs()),
        draw(day_specs()),
        draw(st.booleans()),
    )


@dataclass(frozen=True)
class Spec:
    """A plan as data: the name of its factory, its zone, and the other arguments or the children."""

    kind: str
    zone: str
    arguments: tuple[Any, ...]

    def build(self, core: Core) -> Plan:
        """Compile it for `core`."""
        make = getattr(core.Plan, self.kind)
        if self.kind in ("any_of", "all_of"):
            children, *rest = self.arguments
            built: Plan = make([child.build(core) for child in children], *rest)
            return built
        built = make(zone_of(core, self.zone), *self.arguments)
        return built


@st.composite
def cron_specs(draw: st.DrawFn, zones: st.SearchStrategy[str] = zone_names) -> Spec:
    zone = draw(zones)
    start = draw(instants(zone))
    end = draw(
        st.one_of(
            st.none(), st.none(), st.integers(0, 400 * 366 * DAY).map(lambda length: start + length)
        )
    )
    return Spec(
        "cron",
        zone,
        (draw(cron_fields()), start, end, draw(st.integers(0, 1)), draw(st.integers(0, 2))),
    )


@st.composite
def date_specs(draw: st.DrawFn) -> Spec:
    zone = draw(zone_names)
    return Spec("date", zone, (draw(instants(zone)),))


@st.composite
def interval_specs(draw: st.DrawFn) -> Spec:
    zone = draw(zone_names)
    start = draw(instants(zone))
    step = draw(
        st.one_of(
            st.sampled_from([SECOND, 60 * SECOND, 1800 * SECOND, 3600 * SECOND, DAY, 7 * DAY]),
            st.integers(1, 1000 * DAY),
        )
    )
    end = draw(
        st.one_of(
            st.none(),
            st.none(),
            st.integers(0, 1000).map(lambda count: start + count * step + step // 2),
        )
    )
    return Spec("interval", zone, (start, step, end))


@st.composite
def calendar_specs(draw: st.DrawFn) -> Spec:
    months = draw(st.sampled_from([0, 0, 1, 1, 2, 5, 12, 13, 48]))
    days = (
        draw(st.sampled_from([0, 1, 7, 31, 400]))
        if months
        else draw(st.sampled_from([1, 2, 7, 30, 365]))
    )
    start = draw(st.dates(date(1970, 1, 1), date(2090, 12, 31))).toordinal()
    end = draw(
        st.one_of(st.none(), st.none(), st.integers(0, 20_000).map(lambda length: start + length))
    )
    minutes = draw(st.one_of(st.integers(0, 1439), st.sampled_from([0, 30, 90, 120, 150, 180])))
    return Spec(
        "calendar_interval", draw(zone_names), (start, end, months, days, minutes * 60 * SECOND)
    )


simple_specs = st.one_of(
    cron_specs(), cron_specs(), interval_specs(), calendar_specs(), date_specs()
)


THRESHOLDS = [0, 0, SECOND, 60 * SECOND, 3600 * SECOND, DAY]


@st.composite
def all_of_specs(draw: st.DrawFn, children: st.SearchStrategy[Spec]) -> Spec:
    threshold = draw(st.sampled_from(THRESHOLDS))
    return Spec("all_of", "", (draw(st.lists(children, min_size=1, max_size=3)), threshold, 100))


@st.composite
def any_of_specs(draw: st.DrawFn, children: st.SearchStrategy[Spec]) -> Spec:
    return Spec("any_of", "", (draw(st.lists(children, min_size=1, max_size=3)),))


def _combine(children: st.SearchStrategy[Spec]) -> st.SearchStrategy[Spec]:
    return st.one_of(any_of_specs(children), all_of_specs(children))


#: Unions of simple plans are simple themselves.
plain_specs = st.one_of(
    simple_specs, simple_specs, any_of_specs(st.one_of(simple_specs, any_of_specs(simple_specs)))
)
#: Combinations nested up to three deep.
combined_specs = _combine(
    st.one_of(simple_specs, _combine(st.one_of(simple_specs, _combine(simple_specs))))
)
specs = st.one_of(plain_specs, combined_specs)


def zone_of_spec(spec: Spec) -> str:
    """Return the zone of a plan, or of the first of its parts."""
    return spec.zone or zone_of_spec(spec.arguments[0][0])
