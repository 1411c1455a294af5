"""The choice between the compiled trigger core and the Python reference. Nothing else imports either.

`ROTA_BACKEND` decides: `auto` (the default) takes the compiled core if it is installed, `rust` insists on it, and
`python` takes the reference. A compiled core that cannot be loaded, or is stale, is an error, never a silent fallback.
"""

from __future__ import annotations

import os
import zoneinfo
from collections import defaultdict
from datetime import timedelta, timezone, tzinfo
from importlib import import_module
from pickle import PicklingError
from typing import TYPE_CHECKING, Literal, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rota import _core as _typed

__all__ = [
    "VERSION",
    "Core",
    "backend",
    "core",
    "core_for",
    "iteration_limits",
    "reference",
    "select",
    "zone",
    "zone_in",
]

#: The version of the package; the compiled core must have the same.
VERSION = "0.1.0"

#: What the compiled core must offer; both sides are raised with every change of that.
API_VERSION = 3

_REMEDY = "rebuild it with `make build`, or reinstall rota"
_MAX_ZONES = 1024


class Core(Protocol):
    """What both backends offer; see the stub of `rota._core`."""

    MIN_MICROS: int
    MAX_MICROS: int
    Zone: type[_typed.Zone]
    Plan: type[_typed.Plan]
    Cursor: type[_typed.Cursor]
    IterationLimitReached: type[Exception]

    def between_many(
        self, plans: Sequence[_typed.Plan], after: int, until: int, limit_each: int
    ) -> list[memoryview]: ...
    def due_batch(
        self,
        cursors: Sequence[_typed.Cursor],
        pending: Sequence[datetime],
        now: datetime,
        policies: Sequence[int],
        limit: int,
    ) -> list[tuple[list[datetime], datetime | None] | Exception]: ...


def select(mode: str) -> tuple[Literal["rust", "python"], Core]:
    """Return the name and the core that `mode` asks for: auto, rust or python.

    Raise ImportError, with the remedy, if the compiled core is needed and absent, or present and broken or stale.
    """
    if mode not in ("auto", "rust", "python"):
        raise ImportError(f"ROTA_BACKEND must be auto, rust or python, got: {mode}")
    if mode == "python":
        return "python", reference()
    try:
        compiled = import_module("rota._core")
    except ModuleNotFoundError as error:
        if error.name != "rota._core":
            raise ImportError(f"rota._core cannot be loaded ({error}); {_REMEDY}") from error
        if mode == "rust":
            raise ImportError(
                f"rota._core is not installed, but ROTA_BACKEND=rust; {_REMEDY}"
            ) from error
        return "python", reference()
    except ImportError as error:
        raise ImportError(f"rota._core cannot be loaded ({error}); {_REMEDY}") from error
    version = getattr(compiled, "__version__", None), getattr(compiled, "API_VERSION", None)
    if version != (VERSION, API_VERSION):
        raise ImportError(
            f"rota._core must have the version {VERSION} (API {API_VERSION}),"
            f" got: {version[0]} (API {version[1]}); {_REMEDY}"
        )
    return "rust", cast("Core", compiled)


def reference() -> Core:
    """Return the reference. It is imported when it is needed: with a compiled core, for foreign time zones only."""
    return cast("Core", import_module("rota._reference"))


backend, core = select(os.environ.get("ROTA_BACKEND") or "auto")

#: Zones by core and by the identity of the tzinfo, which need not be hashable, and is kept alive by its zone.
_zones: defaultdict[Core, dict[int, _typed.Zone]] = defaultdict(dict)


def core_for(timezones: list[tzinfo]) -> Core:
    """Return the selected core, or the reference if one of `timezones` can only be asked for its offsets."""
    known = _zones[core]
    for each in timezones:
        if id(each) not in known and _find_zone(core, each) is None:
            return reference()
    return core


def iteration_limits() -> tuple[type[Exception], ...]:
    """Return the errors by which the cores tell that an `all_of` plan has reached its limit."""
    return (reference().IterationLimitReached, core.IterationLimitReached)


def zone(timezone: tzinfo) -> _typed.Zone | None:
    """Return the zone of `timezone` in the selected core.

    Return None if it is foreign, that is neither a `zoneinfo` zone nor a fixed offset, and the core is compiled.
    """
    return _find_zone(core, timezone)


def zone_in(of: Core, timezone: tzinfo) -> _typed.Zone:
    """Return the zone of `timezone` in the core that `core_for` has told for it."""
    found = _find_zone(of, timezone)
    assert found is not None
    return found


def _find_zone(of: Core, timezone: tzinfo) -> _typed.Zone | None:
    known = _zones[of]
    found = known.get(id(timezone))
    if found is None and (found := _make_zone(of, timezone)) is not None:
        if len(known) >= _MAX_ZONES:
            known.clear()
        known[id(timezone)] = found
    return found


def _make_zone(of: Core, tz: tzinfo) -> _typed.Zone | None:
    if type(tz) is timezone:
        return of.Zone.fixed(tz, tz.utcoffset(None) // timedelta(microseconds=1))
    # a subclass may have offsets that are not those of its file
    data = _tzif_data(tz) if type(tz) is zoneinfo.ZoneInfo else None
    if data is not None:
        return of.Zone.from_tzif(tz, data)
    from_tzinfo = getattr(of.Zone, "from_tzinfo", None)  # only the reference has it
    return None if from_tzinfo is None else from_tzinfo(tz)


def _tzif_data(tz: zoneinfo.ZoneInfo) -> bytes | None:
    """Return the bytes that `zoneinfo` has read for `tz`, or None if they cannot be had by its key."""
    try:
        tz.__reduce__()  # refuses what was read from a file under a key of the caller's choice
    except PicklingError:
        return None
    for directory in zoneinfo.TZPATH:
        path = os.path.join(directory, tz.key)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                return file.read()
    from importlib.resources import (
        files,
    )  # it takes a while to import, and most systems have their own zones

    *parents, name = tz.key.split("/")
    try:
        return files(".".join(["tzdata.zoneinfo", *parents])).joinpath(name).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        return None
