"""The trigger core in Python: the reference that the compiled twin, `rota._core`, is proven equal to.

Only `rota._backend` imports it.
"""

from __future__ import annotations

from rota._reference.cursor import Cursor, due_batch
from rota._reference.error import IterationLimitReached
from rota._reference.instant import MAX_MICROS, MIN_MICROS
from rota._reference.plan import Plan, between_many
from rota._reference.zone import Zone

__all__ = [
    "MAX_MICROS",
    "MIN_MICROS",
    "Cursor",
    "IterationLimitReached",
    "Plan",
    "Zone",
    "between_many",
    "due_batch",
]
