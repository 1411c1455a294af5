"""All fire times of many triggers in a window, for forecasts and analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rota import _backend
from rota.triggers._definition import TriggerDefinitionError, as_micros, to_micros
from rota.triggers._planned import PlannedTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rota._core import Plan
    from rota.abc import Trigger

__all__ = ["fire_times_between"]

_STEP = 1_000


def fire_times_between(
    triggers: Sequence[Trigger], after: datetime, until: datetime, *, limit_each: int = 1_000_000
) -> list[memoryview]:
    """Return, for each trigger, its fire times later than `after` and up to `until` (both aware), in order.

    They are microseconds since 1970-01-01T00:00:00Z as 64-bit integers in memory that cannot be written, which NumPy
    reads without a copy. No trigger moves. It does not matter where they stand, but for triggers of users, which cannot
    go back: of these it is what they have left.

    The meetings of an `AndTrigger` are counted afresh from the beginning of the window: each of its triggers begins
    with its first fire time later than `after`. Which fire times meet can depend on which have met before, so that the
    meetings may differ from those of the trigger stepping by itself, up to the first pause of more than twice the
    threshold in the fire times of one of its triggers. Where all of these pause so between any two, none differs.

    :param limit_each: at most so many of each trigger
    """
    for name, moment in (("after", after), ("until", until)):
        if moment.utcoffset() is None:
            raise TriggerDefinitionError(f"{name} must be aware, got: {moment.isoformat()}")
    if limit_each < 0:
        raise TriggerDefinitionError(f"limit_each must not be negative, got: {limit_each}")
    low, high = to_micros(after), to_micros(until)
    found: list[memoryview] = [as_micros([])] * len(triggers)
    planned: dict[int, list[int]] = {}
    cores: dict[int, _backend.Core] = {}
    for index, trigger in enumerate(triggers):
        if isinstance(trigger, PlannedTrigger) and not trigger.stateful:
            core = _backend.core_for(trigger._timezones())
            cores[id(core)] = core
            planned.setdefault(id(core), []).append(index)
        else:
            found[index] = _stepped(trigger, low, high, limit_each)
    for key, indexes in planned.items():
        plans = [_plan_of(triggers[index]) for index in indexes]
        answers = cores[key].between_many(plans, low, high, limit_each)
        for index, answer in zip(indexes, answers, strict=True):
            found[index] = answer
    return found


def _plan_of(trigger: Trigger) -> Plan:
    assert isinstance(trigger, PlannedTrigger), "only such have plans"
    return trigger._compiled()


def _stepped(trigger: Trigger, low: int, high: int, limit: int) -> memoryview:
    copied, found = trigger.copy(), list[int]()
    while len(found) < limit:
        moments = copied.next_n(_STEP)
        times = [to_micros(moment) for moment in moments]
        found.extend([at for at in times if low < at <= high][: limit - len(found)])
        if len(times) < _STEP or times[-1] > high:
            break
    return as_micros(found)
