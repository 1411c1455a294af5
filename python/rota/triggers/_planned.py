"""What the built-in triggers share: a definition that compiles once into a plan, and a cursor."""

from __future__ import annotations

from abc import abstractmethod
from copy import deepcopy
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar, cast

import attrs

from rota import _backend
from rota._making import opened
from rota.abc._trigger import Trigger
from rota.model._copies import copier, setter
from rota.model._exceptions import MaxIterationsReached
from rota.triggers._definition import (
    TriggerDefinitionError,
    TriggerTypeError,
    as_count,
    as_micros,
    quote,
    same,
    show,
    to_micros,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from typing_extensions import Self

    from rota._core import Cursor, Plan
    from rota.model._enums import CoalescePolicy

__all__ = [
    "PlannedTrigger",
    "built_in",
    "definition",
    "initializer",
    "moment_field",
    "set_plan",
    "set_starts_now",
]

#: The decorator of the classes of triggers: equal, hashed and shown by their definitions, which do not change.
definition = attrs.define(
    kw_only=True,
    eq=True,
    unsafe_hash=True,
    repr=False,
    on_setattr=attrs.setters.frozen,
    getstate_setstate=False,
)

_beginning = RLock()
#: What instances of built-in classes are of until their fields are set, see `initializer`.
_opened_classes: dict[type[PlannedTrigger], type[PlannedTrigger]] = {}


def _instant(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


def moment_field(**options: Any) -> Any:
    """Return a field for an aware datetime that is compared as an instant.

    By itself a datetime compares by its wall time within a zone, so that the two passes of an overlap are equal.
    """
    return attrs.field(eq=_instant, **options)


_Method = TypeVar("_Method", bound="Callable[..., datetime | None]")


def built_in(method: _Method) -> _Method:
    """Mark a `next()` that does what the plan says: one that a user's class overrides it with does not."""
    method.is_built_in = True  # type: ignore[attr-defined]
    return method


_STATE_VERSION = 1
_BEFORE_ALL = -(1 << 62)
_UNLIMITED = (1 << 63) - 1
_CHUNK = 1024


class PlannedTrigger(Trigger):
    """A trigger whose fire times are computed by a plan.

    A subclass of a built-in trigger that overrides `next()` is a trigger like any other: its plan does not know all
    of its fire times, so whatever is more than one step is made of steps.
    """

    __slots__ = ("_cursor", "_plan", "_position", "_starts_now")

    #: Made when it is used for the first time, as the plan is.
    _cursor: Cursor | None
    _plan: Plan | None
    #: Where the cursor will be made, until it is.
    _position: object
    #: Whether the start was left to be the current time.
    _starts_now: bool
    #: The field that has the start.
    _start: ClassVar[str | None] = None
    #: The initializer of the built-in class, which a subclass may override with another signature.
    _define: Callable[..., None]
    #: Sets the fields; attrs makes it.
    __attrs_init__: Callable[..., None]
    #: Whether instances of a user's class have attributes besides their fields.
    _has_dict: ClassVar[bool] = False
    #: Whether a user's class has a `next()` of its own.
    _overridden: ClassVar[bool] = False
    #: Whether the position of an instance is that of its cursor, and nothing but; asking it takes longer.
    _is_plain: ClassVar[bool] = False

    def __new__(cls, *_args: object, **_fields: object) -> Self:
        """Return a trigger at its beginning; a user's initializer need not know of that."""
        if (opened := _opened_classes.get(cls)) is None:
            if "_is_plain" not in cls.__dict__:  # the hook of another base did not pass it on
                cls._prepare()
            trigger = object.__new__(cls)
            set_cursor(trigger, None)
            set_plan(trigger, None)
            set_position(trigger, None)
            set_starts_now(trigger, False)
            return trigger
        made: Any = object.__new__(opened)
        made._cursor = made._plan = made._position = None
        made._starts_now = False
        return made  # type: ignore[no-any-return]  # it becomes one when its fields are set

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._prepare()

    @classmethod
    def _prepare(cls) -> None:
        """Find out what a class is like, once."""
        cls._has_dict = cls.__dictoffset__ != 0
        cls._overridden = not hasattr(cls.next, "is_built_in")
        cls._is_plain = not cls._overridden and all(
            getattr(cls, name) is getattr(PlannedTrigger, name)
            for name in ("stateful", "cursor", "at")
        )
        cls._copied = PlannedTrigger._copied  # type: ignore[method-assign]  # that of its base is of its base

    @abstractmethod
    def _timezones(self) -> list[tzinfo]:
        """Return the time zones that the plan needs."""

    @abstractmethod
    def _build(self, core: _backend.Core) -> Plan:
        """Compile the definition for `core`."""

    def _compiled(self) -> Plan:
        """Return the plan, which all copies of this trigger share from now on."""
        plan = self._plan
        if plan is None:
            plan = self._build(_backend.core_for(self._timezones()))
            set_plan(self, plan)
        return plan

    def _begun(self) -> Cursor:
        """Return the cursor."""
        cursor = self._cursor
        if cursor is None:
            with _beginning:  # threads that share a trigger share its cursor
                cursor = self._cursor
                if cursor is None:
                    cursor = self._compiled().cursor(self._position)  # type: ignore[arg-type]  # it is checked there
                    set_cursor(self, cursor)
        return cursor

    @built_in
    def next(self) -> datetime | None:
        """Move to the next fire time and return it, aware; None if there is none left."""
        try:
            return (self._cursor or self._begun()).next()
        except _backend.iteration_limits() as error:
            raise MaxIterationsReached(str(error)) from error

    def same_rule(self, other: Trigger) -> bool:
        """Tell whether `other` is made as this one is; a start that was left to be the current time does not count."""
        if type(self) is not type(other):
            return False
        assert isinstance(other, PlannedTrigger), "it is of the same class"
        left_out = {self._start} if self._starts_now and other._starts_now else set()
        return all(
            same(getattr(self, field.name), getattr(other, field.name))
            for field in _definition_of(self)
            if field.name not in left_out
        )

    @property
    def stateful(self) -> bool:
        """Whether the state of this trigger is more than its `cursor`, so that a store must write it back whole."""
        return self._overridden

    @property
    def cursor(self) -> object:
        """The position as JSON-able data; None before the first fire time, and always if the trigger is stateful."""
        return None if self.stateful else self._state()

    def _state(self) -> object:
        return self._position if self._cursor is None else self._cursor.state

    def at(self, cursor: object) -> Self:
        """Return a trigger of the same definition at a position that `cursor` told; None is the beginning.

        They share the plan. Raise ValueError if the position does not fit.
        """
        if self.stateful:
            return super().at(cursor)
        made = None if cursor is None else self._compiled().cursor(cursor)  # type: ignore[arg-type]  # likewise
        clone = self._clone(None)
        set_cursor(clone, made)
        return clone

    def copy(self) -> Self:
        """Return a trigger at the same position that moves independently of this one. They share the plan."""
        self._compiled()
        return self._clone(self._state())

    def _moved_copy(self) -> tuple[Self, datetime | None]:
        if not self._is_plain and self.stateful:
            return super()._moved_copy()
        state = self._position if self._cursor is None else self._cursor.state
        cursor = (self._plan or self._compiled()).cursor(state)  # type: ignore[arg-type]  # it came from there
        try:
            moment = cursor.next()
        except _backend.iteration_limits() as error:
            raise MaxIterationsReached(str(error)) from error
        return self._clone(cursor.state), moment

    def _taken_apart(self) -> tuple[Self, object]:
        if not self._is_plain:
            return super()._taken_apart()
        return self, self._position if self._cursor is None else self._cursor.state

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self.copy()

    def next_n(self, n: int) -> list[datetime]:
        """Move over the next `n` fire times and return them, fewer if there are no more."""
        n = as_count("n", n)
        if self.stateful:
            return super().next_n(n)
        return _limited(self._begun().next_n, n)

    def next_micros(self, n: int) -> memoryview:
        """Move over the next `n` fire times and return them as microseconds since 1970-01-01T00:00:00Z.

        They are 64-bit integers in memory that cannot be written, which `numpy.asarray` reads without a copy.
        """
        n = as_count("n", n)
        if self.stateful:
            return as_micros(map(to_micros, self.next_n(n)))
        return _limited(self._begun().next_micros, n)

    def preview(self, n: int) -> list[datetime]:
        """Return the next `n` fire times without moving."""
        return self.copy().next_n(n)

    def remaining(self, until: datetime, *, limit: int | None = None) -> int:
        """Return the number of fire times that are left up to `until`, inclusive; at most `limit`. Do not move."""
        if not isinstance(until, datetime):
            raise TriggerTypeError(f"until must be a datetime, got: {quote(until)}")
        limit = None if limit is None else as_count("limit", limit)
        if self.stateful or until.utcoffset() is None:
            return super().remaining(until, limit=limit)
        most, last, state = _UNLIMITED if limit is None else limit, to_micros(until), self._state()
        if state is None or isinstance(state, int):
            return _limited(
                self._compiled().count, _BEFORE_ALL if state is None else state, last, most
            )
        cursor, count = self._compiled().cursor(state), 0  # type: ignore[arg-type]  # it came from there
        while count < most:
            found = _limited(cursor.next_micros, min(_CHUNK, most - count))
            passed = sum(1 for at in memoryview(found) if at <= last)
            count += passed
            if passed < _CHUNK:
                break
        return count

    def due(
        self, pending: datetime, now: datetime, policy: CoalescePolicy, limit: int
    ) -> tuple[list[datetime], datetime | None]:
        """Return the fire times from `pending`, the last answer, up to `now` that `policy` keeps, and the next one.

        `all` keeps the first `limit` of them. The next one is the first later than `now`, or the first that was left
        out; None if there is none. The trigger is left on it. What the policy does not keep costs nothing.
        """
        if self.stateful:
            return super().due(pending, now, policy, limit)
        try:
            return (self._cursor or self._begun()).due(pending, now, policy._value_, limit)
        except _backend.iteration_limits() as error:
            raise MaxIterationsReached(str(error)) from error

    def __getstate__(self) -> dict[str, object]:
        state = {"version": _STATE_VERSION, **self._fields()}
        if self._starts_now:
            state["starts_now"] = True
        position = self._state()
        if position is not None:
            state["cursor"] = position
        if extra := getattr(self, "__dict__", None):
            state["attributes"] = extra
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        fields = dict(state)
        version = fields.pop("version", None)
        if version != _STATE_VERSION:
            raise TriggerDefinitionError(
                f"version of a stored trigger must be {_STATE_VERSION}, got: {quote(version)}"
            )
        position, attributes = fields.pop("cursor", None), fields.pop("attributes", None)
        starts_now = fields.pop("starts_now", False)
        set_cursor(self, None)  # the first protocols of pickle do not call `__new__`
        set_plan(self, None)
        set_starts_now(self, False)
        self._define(**fields)
        set_starts_now(self, starts_now)
        set_position(self, position)
        if attributes:
            self.__dict__.update(attributes)

    def __repr__(self) -> str:
        shown = (
            show(value) if field.name == "triggers" else f"{field.name}={show(value)}"
            for field in _definition_of(self)
            if (value := getattr(self, field.name)) != field.default
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def _fields(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in _definition_of(self)}

    def _clone(self, position: object) -> Self:
        """Return a trigger of the same definition at a position, which shares the plan if there is one."""
        clone = self._copied(position)
        if self._has_dict and (extra := self.__dict__):
            clone.__dict__.update(deepcopy(extra))
        return clone

    def _copied(self, position: object) -> Self:
        """Copy what is in slots. This makes the function that does so from then on for a class."""
        make_copying(type(self))
        return self._copied(position)


def make_copying(cls: type[PlannedTrigger]) -> None:
    """Give a class its function that copies what is in slots."""
    kept = ("_plan", "_position", "_starts_now")
    cls._copied = copier(cls, "_position", also=kept, _cursor="None")  # type: ignore[assignment, type-var, method-assign]


def initializer(cls: type[PlannedTrigger], *fields: str) -> Callable[..., None]:
    """Make the function by which the initializer of a built-in class sets its fields, see `rota.model._copies.setter`.

    Until then its instances are of a class that has no guard against assignments. Most triggers are of such a class.
    """
    _opened_classes[cls] = opened(cls)
    make_copying(cls)
    return setter(cls, _opened_classes[cls], *fields)


# Slots are no fields, which attrs would look for when they are set.
set_cursor = PlannedTrigger.__dict__["_cursor"].__set__
set_plan = PlannedTrigger.__dict__["_plan"].__set__
set_position = PlannedTrigger.__dict__["_position"].__set__
set_starts_now = PlannedTrigger.__dict__["_starts_now"].__set__


_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")


def _limited(
    call: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    try:
        return call(*args, **kwargs)
    except _backend.iteration_limits() as error:
        raise MaxIterationsReached(str(error)) from error


def _definition_of(trigger: PlannedTrigger) -> tuple[attrs.Attribute[Any], ...]:
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(
        cast("type[attrs.AttrsInstance]", type(trigger))
    )
    return fields
