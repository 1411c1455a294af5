"""Plans that are compiled once for all triggers of one definition."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rota.triggers._definition import to_micros

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rota._core import Plan, Zone

__all__ = ["micros_in", "shared_plan"]


@lru_cache(maxsize=1024)
def shared_plan(compile_plan: Callable[..., Plan], *arguments: object) -> Plan:
    """Compile a plan, or return the one that was lately compiled of the same.

    Many schedules have triggers of the same definition; a plan does not change, and is most of what they weigh.
    """
    return compile_plan(*arguments)


def micros_in(zone: Zone, moment: datetime) -> int:
    """Return the instant of a checked moment, quickly if it is one of `zone`."""
    at = zone.instant(moment) if moment.tzinfo is zone.tzinfo else None
    return to_micros(moment) if at is None else at
