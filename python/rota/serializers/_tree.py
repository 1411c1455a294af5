"""Objects as trees of what JSON and CBOR have a form for, and back; everything else is a tagged name and state."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from attrs import frozen

from rota.model import DeserializationError, SerializationError
from rota.model._failure import text_of
from rota.serializers import _failures
from rota.serializers._values import FROM_STATE, TO_STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from rota.serializers._registry import ClassRegistry

__all__ = ["DEFAULT_MAX_DEPTH", "DEFAULT_MAX_SIZE", "TreeForm", "build_tree", "rebuild"]

DEFAULT_MAX_SIZE = 16 * 1024 * 1024  #: bytes
DEFAULT_MAX_DEPTH = 100  #: containers and objects within each other


@frozen
class TreeForm:
    """What a format is able to represent.

    :param atoms: classes whose instances it represents exactly
    :param tag: makes a tagged value of a name and a state
    :param untag: returns the name and the state of a tagged value, or `None` for a plain value; refuses foreign ones
    :param is_plain_key: tells whether a text may be a key of a plain mapping
    :param any_float: whether it has a form for numbers that are not finite
    """

    atoms: frozenset[type]
    tag: Callable[[str, Any], Any]
    untag: Callable[[Any], tuple[str, Any] | None]
    is_plain_key: Callable[[str], bool]
    any_float: bool


@frozen
class _Limits:
    form: TreeForm
    registry: ClassRegistry
    max_depth: int
    max_size: int


def build_tree(
    obj: object, form: TreeForm, registry: ClassRegistry, max_depth: int, max_size: int
) -> Any:
    """Return `obj` as a tree.

    :raises SerializationError: if a part of it has no form, is nested too deeply, or is too large
    """
    try:
        return _Builder(_Limits(form, registry, max_depth, max_size)).build(obj, 0)
    except RecursionError:
        raise SerializationError("the object is nested too deeply for the stack") from None


class _Builder:
    def __init__(self, limits: _Limits) -> None:
        self._limits = limits
        self._form = limits.form
        self._size = 0

    def build(self, obj: Any, depth: int) -> Any:
        kind = type(obj)
        if kind in self._form.atoms and (
            kind is not float or self._form.any_float or isfinite(obj)
        ):
            if kind is str or kind is bytes:
                self._count(len(obj))
            return obj
        self._count(1)
        if depth >= self._limits.max_depth:
            raise SerializationError(
                f"the object must not be nested deeper than {self._limits.max_depth} levels, "
                f"got: a {kind.__name__} below them"
            )
        if kind is list:
            self._count(len(obj))
            return [self.build(item, depth + 1) for item in obj]
        if kind is dict:
            return self._build_dict(obj, depth)
        name, state = self._state(obj, kind)
        tree = self.build(state, depth + 1)
        if kind is set or kind is frozenset:
            tree.sort(key=repr)  # the same set gives the same bytes in every process
        return self._form.tag(name, tree)

    def _build_dict(self, obj: dict[Any, Any], depth: int) -> Any:
        if all(type(key) is str and self._form.is_plain_key(key) for key in obj):
            self._count(sum(map(len, obj)))
            return {key: self.build(value, depth + 1) for key, value in obj.items()}
        return self._form.tag("dict", self.build([list(pair) for pair in obj.items()], depth + 1))

    def _state(self, obj: Any, kind: type) -> tuple[str, Any]:
        try:
            if kind in TO_STATE:
                if kind is bytes:
                    self._count(len(obj))
                name, to_state = TO_STATE[kind]
                return name, to_state(obj)
            entry = self._limits.registry.by_class(kind)
            if entry is not None:
                return entry.name, entry.to_state(obj)
            if isinstance(obj, BaseException):
                return "exception", _failures.to_state(obj)
        except (SerializationError, KeyboardInterrupt):
            raise
        except BaseException as exc:
            raise SerializationError(
                f"cannot serialize a {kind.__qualname__}: {text_of(exc)}"
            ) from exc
        raise SerializationError(
            f"cannot serialize an instance of a class that is not registered with rota.serializers.register_class, "
            f"got: {kind.__module__}:{kind.__qualname__}"
        )

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > self._limits.max_size:
            raise SerializationError(
                f"the object must have at most {self._limits.max_size} bytes, got: more"
            )


def rebuild(tree: Any, form: TreeForm, registry: ClassRegistry, max_depth: int) -> Any:
    """Return the object that `tree` represents.

    :raises DeserializationError: if it names a class that is not registered, or is damaged, or is nested too deeply
    """
    try:
        return _Rebuilder(_Limits(form, registry, max_depth, 0)).rebuild(tree, 0)
    except RecursionError:
        raise DeserializationError("the object is nested too deeply for the stack") from None


class _Rebuilder:
    def __init__(self, limits: _Limits) -> None:
        self._limits = limits
        self._form = limits.form

    def rebuild(self, tree: Any, depth: int) -> Any:
        kind = type(tree)
        if kind in self._form.atoms:
            if kind is float and not self._form.any_float and not isfinite(tree):
                raise DeserializationError(f"a number must be finite, got: {tree}")
            return tree
        if depth >= self._limits.max_depth:
            raise DeserializationError(
                f"the object must not be nested deeper than {self._limits.max_depth} levels"
            )
        tagged = self._form.untag(tree)
        if tagged is not None:
            name, state = tagged
            return self._make(name, self.rebuild(state, depth + 1))
        if (
            kind is list or kind is tuple
        ):  # cbor2 6 gives tuples and read-only mappings inside of tags
            return [self.rebuild(item, depth + 1) for item in tree]
        if kind is dict or isinstance(tree, Mapping):
            return {key: self.rebuild(value, depth + 1) for key, value in tree.items()}
        raise DeserializationError(
            f"the bytes hold a value of an unexpected type, got: {kind.__name__}"
        )

    def _make(self, name: str, state: Any) -> Any:
        make = FROM_STATE.get(name)
        if make is None:
            entry = self._limits.registry.by_name(name)
            if entry is None:
                raise DeserializationError(
                    "the bytes name a class that is not registered with rota.serializers.register_class, "
                    f"got: {name[:200]!r}"
                )
            make = entry.from_state
        try:
            return make(state)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            raise DeserializationError(f"cannot rebuild a {name[:200]}: {text_of(exc)}") from exc
