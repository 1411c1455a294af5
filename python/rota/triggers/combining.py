"""Triggers that combine others."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any, cast, overload

from rota import _backend
from rota.abc._trigger import Trigger
from rota.model._enums import CoalescePolicy
from rota.model._exceptions import MaxIterationsReached
from rota.triggers._definition import (
    TriggerDefinitionError,
    TriggerTypeError,
    as_integer,
    quote,
    to_micros,
)
from rota.triggers._planned import PlannedTrigger, built_in, definition

if TYPE_CHECKING:
    from typing_extensions import Self

    from rota._core import Plan

__all__ = ["AndTrigger", "CombiningTrigger", "OrTrigger"]

_MICROSECOND = timedelta(microseconds=1)
_MAX_ITERATIONS = 1_000_000_000
#: No two instants are further apart.
_MAX_THRESHOLD = _backend.core.MAX_MICROS - _backend.core.MIN_MICROS


class CombiningTrigger(PlannedTrigger):
    """What `OrTrigger` and `AndTrigger` share.

    Triggers of rota are compiled into one plan; wherever they were before, they start from their beginning. If one of
    the triggers is not of rota, all are asked step by step, and the combination is stateful.
    """

    __slots__ = ("_pending",)

    triggers: tuple[Trigger, ...]
    #: While stepping: the fire times that the first of the triggers have next, None if there is none left.
    _pending: list[datetime | None]

    def __new__(cls, *args: object, **fields: object) -> Self:
        """Return a trigger at its beginning."""
        trigger = super().__new__(cls, *args, **fields)
        trigger._pending = []
        return trigger

    @abstractmethod
    def _step_through(self) -> datetime | None:
        """Return the next fire time, asking the triggers step by step."""

    @property
    def stateful(self) -> bool:
        """Whether the state of this trigger is more than its `cursor`, so that a store must write it back whole."""
        return self._overridden or self._steps

    @property
    def _steps(self) -> bool:
        return any(trigger.stateful for trigger in self.triggers)

    def copy(self) -> Self:
        """Return a trigger at the same position that moves independently of this one."""
        if not self._steps:
            return super().copy()
        clone = self._clone(None)
        object.__setattr__(clone, "triggers", tuple(trigger.copy() for trigger in self.triggers))
        clone._pending = self._pending.copy()
        return clone

    @built_in
    def next(self) -> datetime | None:
        """Move to the next fire time and return it, aware; None if there is none left."""
        return self._step_through() if self._cursor is None and self._steps else super().next()

    def _timezones(self) -> list[tzinfo]:
        return [each for trigger in self._planned() for each in trigger._timezones()]

    def _planned(self) -> list[PlannedTrigger]:
        return [cast("PlannedTrigger", trigger) for trigger in self.triggers]

    def _ask(self) -> list[datetime | None]:
        """Return the pending fire time of each trigger, after asking those whose is not known."""
        while len(self._pending) < len(self.triggers):
            self._pending.append(self.triggers[len(self._pending)]._following(None))
        return self._pending

    def __getstate__(self) -> dict[str, object]:
        state = super().__getstate__()
        if self._steps and self._pending:
            state["pending"] = self._pending
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        fields = dict(state)
        pending = fields.pop("pending", None)
        super().__setstate__(fields)
        if (
            self._steps
        ):  # these are where they were, and not at their beginning as those that are given
            object.__setattr__(self, "triggers", tuple(fields["triggers"]))
        if pending is not None:
            self._pending = _check_pending(pending, len(self.triggers))


@definition
class OrTrigger(CombiningTrigger):
    """Fires whenever one of `triggers` does; fire times that several of them have, once.

    They are given one by one or as one iterable. A fire time is in the time zone of the first that has it.
    """

    triggers: tuple[Trigger, ...]

    def __init__(
        self, *args: Trigger | Iterable[Trigger], triggers: Iterable[Trigger] = ()
    ) -> None:
        self.__attrs_init__(triggers=_children(args, triggers))

    _define = __init__

    def _build(self, core: _backend.Core) -> Plan:
        return core.Plan.any_of([trigger._build(core) for trigger in self._planned()])

    def _step_through(self) -> datetime | None:
        pending = self._ask()
        times = [None if moment is None else to_micros(moment) for moment in pending]
        earliest = min((time for time in times if time is not None), default=None)
        if earliest is None:
            return None
        found = pending[times.index(earliest)]
        for index, time in enumerate(times):
            if time == earliest:
                pending[index] = self.triggers[index]._following(found)
        return found


@definition
class AndTrigger(CombiningTrigger):
    """Fires when all of `triggers` do, within `threshold` of one another; at the earliest of these fire times.

    They are given one by one or as one iterable, after which `threshold` and `max_iterations` may follow by position.
    As long as their next fire times are further apart than `threshold` (a timedelta, or seconds), those that are behind
    move on: straight to the first that the latest lets them meet at.
    `MaxIterationsReached` is raised if that happens more than `max_iterations` times in a row, or if triggers of this
    kind that are nested in one another take more than a million steps together to find one fire time. When more than
    4096 fire times are passed over at once that cannot be computed, they are counted afresh from half of what is left.
    """

    triggers: tuple[Trigger, ...]
    threshold: timedelta = timedelta(seconds=1)
    max_iterations: int = 1000

    @overload
    def __init__(
        self,
        *args: Trigger | Iterable[Trigger],
        triggers: Iterable[Trigger] = ...,
        threshold: timedelta | float = ...,
        max_iterations: int = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        triggers: Iterable[Trigger],
        threshold: timedelta | float,
        max_iterations: int = ...,
        /,
    ) -> None: ...

    def __init__(
        self,
        *args: Any,
        triggers: Iterable[Trigger] = (),
        threshold: timedelta | float = timedelta(seconds=1),
        max_iterations: int = 1000,
    ) -> None:
        if 2 <= len(args) <= 3 and isinstance(args[1], (timedelta, int, float)):
            args, (threshold, *rest) = args[:1], args[1:]
            max_iterations = rest[0] if rest else max_iterations
        self.__attrs_init__(
            triggers=_children(args, triggers),
            threshold=_as_threshold(threshold),
            max_iterations=as_integer("max_iterations", max_iterations, 1, _MAX_ITERATIONS),
        )

    _define = __init__

    def _build(self, core: _backend.Core) -> Plan:
        plans = [trigger._build(core) for trigger in self._planned()]
        return core.Plan.all_of(
            plans, min(self.threshold // _MICROSECOND, _MAX_THRESHOLD), self.max_iterations
        )

    def _step_through(self) -> datetime | None:
        threshold = self.threshold // _MICROSECOND
        for _ in range(self.max_iterations + 1):
            pending = self._ask()
            moments = [moment for moment in pending if moment is not None]
            if len(moments) < len(pending):
                return None
            times = list(map(to_micros, moments))
            reach = max(times) - threshold
            if min(times) >= reach:
                self._pending = []
                return moments[times.index(min(times))]
            for index, time in enumerate(times):
                if time < reach:
                    pending[index] = self._move(self.triggers[index], moments[index], reach)
        raise MaxIterationsReached(
            f"no common fire time within max_iterations, got: {self.max_iterations}"
        )

    def _move(self, trigger: Trigger, moment: datetime, reach: int) -> datetime | None:
        """Return a later fire time of `trigger` than `moment`: if it can tell at once, the first from `reach` on."""
        if trigger.stateful:
            return trigger._following(moment)
        before = moment.astimezone(timezone.utc) + (reach - 1 - to_micros(moment)) * _MICROSECOND
        return trigger.due(moment, before, CoalescePolicy.earliest, 1)[1]


def _children(
    args: tuple[Trigger | Iterable[Trigger], ...], named: Iterable[Trigger]
) -> tuple[Trigger, ...]:
    """Return the triggers of a combination, those of rota at their beginning."""
    given: list[Trigger] = []
    for each in (*args, named):
        if not isinstance(each, (Trigger, Iterable)):
            raise TriggerTypeError(f"triggers must be instances of Trigger, got: {quote(each)}")
        given += [each] if isinstance(each, Trigger) else each
    for trigger in given:
        if not isinstance(trigger, Trigger):
            raise TriggerTypeError(f"triggers must be instances of Trigger, got: {quote(trigger)}")
    if not given:
        raise TriggerDefinitionError("triggers must not be empty, got: []")
    steps = any(trigger.stateful for trigger in given)
    return tuple(
        trigger.at(None)
        if not trigger.stateful and (steps or trigger.cursor is not None)
        else trigger
        for trigger in given
    )


def _as_threshold(value: timedelta | float) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, (timedelta, int, float)):
        raise TriggerTypeError(f"threshold must be a timedelta or seconds, got: {quote(value)}")
    try:
        threshold = value if isinstance(value, timedelta) else timedelta(seconds=value)
    except (ValueError, OverflowError):
        raise TriggerDefinitionError(
            f"threshold must be at most {timedelta.max.days} days, got: {quote(value)}"
        ) from None
    if threshold < timedelta(0):
        raise TriggerDefinitionError(f"threshold must not be negative, got: {threshold}")
    return threshold


def _check_pending(pending: object, count: int) -> list[datetime | None]:
    if (
        not isinstance(pending, list)
        or len(pending) > count
        or not all(
            each is None or (isinstance(each, datetime) and each.tzinfo is not None)
            for each in pending
        )
    ):
        raise TriggerDefinitionError(
            f"pending must be at most {count} fire times, got: {quote(pending)}"
        )
    return pending
