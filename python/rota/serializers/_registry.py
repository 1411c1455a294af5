"""The classes that the JSON and CBOR serializers rebuild. Nothing else is, and no name in stored bytes is imported."""

from __future__ import annotations

from dataclasses import fields as dataclass_fields, is_dataclass
from enum import Enum
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from rota import model
from rota.serializers._values import FROM_STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ClassRegistry", "RegisteredClass", "default_registry", "register_class"]

T = TypeVar("T")

#: rota's own triggers by the name that is stored; each is imported when it is first met
_TRIGGERS = {
    "rota:DateTrigger": "rota.triggers.date",
    "rota:IntervalTrigger": "rota.triggers.interval",
    "rota:CronTrigger": "rota.triggers.cron",
    "rota:CalendarIntervalTrigger": "rota.triggers.calendarinterval",
    "rota:AndTrigger": "rota.triggers.combining",
    "rota:OrTrigger": "rota.triggers.combining",
}
#: packages whose `package.module:Class` is read as the class of rota that stands there
_other_packages: set[str] = set()
#: what attrs and dataclasses write by themselves, and what says no more than the fields do
_GENERATED = {"slots_getstate", "_dataclass_getstate"}


@attrs.frozen
class RegisteredClass:
    """A class, the name by which it is stored, and the functions between its instances and their states."""

    name: str
    cls: type
    to_state: Callable[[Any], Any]
    from_state: Callable[[Any], Any]


def _reference(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _conversion(cls: type) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Find out how an instance of `cls` becomes a state, and a state an instance."""
    if issubclass(cls, Enum):
        return _member_name, cls.__getitem__
    get_state = getattr(cls, "__getstate__", None)
    if get_state is getattr(object, "__getstate__", None):  # since Python 3.11 every object has one
        get_state = None
    if get_state is None or get_state.__name__ in _GENERATED:
        attributes = _fields(cls)
        if attributes:
            return partial(_get_fields, attributes), lambda state: cls(**state)
    if get_state is None:
        if any(getattr(base, "__slots__", ()) for base in cls.__mro__):
            raise TypeError(
                f"the state of a class with slots cannot be told: give to_state and from_state, got: {cls!r}"
            )
        get_state = _get_attributes
    return get_state, partial(_restore, cls)


def _fields(cls: type) -> dict[str, str]:
    """Return the parameters of the constructor, and the attributes that hold them, if these say all."""
    if attrs.has(cls):
        all_fields = attrs.fields(cls)
        attributes = {field.alias: field.name for field in all_fields if field.init}
    elif is_dataclass(cls):
        all_fields = dataclass_fields(cls)
        attributes = {field.name: field.name for field in all_fields if field.init}
    else:
        return {}
    return attributes if len(attributes) == len(all_fields) else {}


def _get_fields(attributes: Mapping[str, str], instance: object) -> dict[str, Any]:
    return {parameter: getattr(instance, name) for parameter, name in attributes.items()}


def _get_attributes(instance: object) -> dict[str, Any]:
    return dict(vars(instance))


def _restore(cls: type[object], state: Any) -> object:
    instance = cls.__new__(cls)
    set_state = getattr(instance, "__setstate__", None)
    if set_state is not None:
        set_state(state)
    else:
        instance.__dict__.update(state)
    return instance


def _member_name(member: Enum) -> str:
    return member.name


class _RotaClasses:
    """Rota's own classes: the model, the events and the triggers."""

    def __init__(self) -> None:
        self.by_name: dict[str, RegisteredClass] = {}
        self.by_class: dict[type, RegisteredClass] = {}
        for cls in vars(model).values():
            if isinstance(cls, type) and (issubclass(cls, Enum) or attrs.has(cls)):
                self._add(cls)
        self._add(type(model.unset))

    def _add(self, cls: type) -> RegisteredClass:
        entry = RegisteredClass(f"rota:{cls.__qualname__}", cls, *_conversion(cls))
        self.by_name[entry.name] = self.by_class[cls] = entry
        return entry

    def named(self, name: str) -> RegisteredClass | None:
        package, _, rest = name.partition(".")
        if package in _other_packages:
            module, _, cls = rest.rpartition(":")
            name = f"rota:{cls}"
            if _TRIGGERS.get(name, "rota") not in (f"rota.{module}", "rota"):
                return None
        entry = self.by_name.get(name)
        if entry is None and name in _TRIGGERS:
            entry = self._add(getattr(import_module(_TRIGGERS[name]), name.removeprefix("rota:")))
        return entry

    def of(self, cls: type) -> RegisteredClass | None:
        entry = self.by_class.get(cls)
        if entry is None and cls.__module__.startswith("rota.triggers."):
            entry = self.named(f"rota:{cls.__qualname__}")
        return entry if entry is not None and entry.cls is cls else None


class ClassRegistry:
    """The classes that may be rebuilt from stored bytes: rota's own, and those that are registered here."""

    _own = _RotaClasses()

    def __init__(self) -> None:
        self._by_name: dict[str, RegisteredClass] = {}
        self._by_class: dict[type, RegisteredClass] = {}

    def register_class(
        self,
        cls: type[T],
        *,
        name: str | None = None,
        to_state: Callable[[T], Any] | None = None,
        from_state: Callable[[Any], T] | None = None,
    ) -> type[T]:
        """Allow instances of `cls` (not of its subclasses) to be stored and rebuilt; can be used as a decorator.

        Without `to_state` and `from_state`, the state is what `__getstate__` returns, else the fields of an attrs class
        or dataclass, the name of an enum's member, or the attributes. States are serialized in turn.

        :param name: what the class is called in stored bytes, `module:qualified.name` by default; give one if the
            class may move
        :raises ValueError: if the name is taken by another class
        :raises TypeError: if the state cannot be told
        """
        if (to_state is None) != (from_state is None):
            raise TypeError("to_state and from_state must be given together")
        if to_state is None or from_state is None:
            to_state, from_state = _conversion(cls)
        entry = RegisteredClass(name or _reference(cls), cls, to_state, from_state)
        taken = self.by_name(entry.name)
        if entry.name in FROM_STATE or (taken is not None and taken.cls is not cls):
            raise ValueError(f"name must not be that of another class, got: {entry.name!r}")
        self._by_name[entry.name] = self._by_class[cls] = entry
        return cls

    def by_name(self, name: str) -> RegisteredClass | None:
        """Return the class that is stored under `name`, if it may be rebuilt."""
        return self._by_name.get(name) or self._own.named(name)

    def by_class(self, cls: type) -> RegisteredClass | None:
        """Return how instances of `cls` are stored, if they may be."""
        return self._by_class.get(cls) or self._own.of(cls)


default_registry: ClassRegistry = (
    ClassRegistry()
)  #: that of `register_class`; serializers use it unless told otherwise


def accept_names_of(package: str) -> None:
    """Read `package.triggers.cron:CronTrigger` as rota's own class of that name, likewise for all others."""
    _other_packages.add(package)


def register_class(
    cls: type[T],
    *,
    name: str | None = None,
    to_state: Callable[[T], Any] | None = None,
    from_state: Callable[[Any], T] | None = None,
) -> type[T]:
    """Allow all serializers of this process to rebuild `cls`; see `ClassRegistry.register_class`."""
    return default_registry.register_class(cls, name=name, to_state=to_state, from_state=from_state)
