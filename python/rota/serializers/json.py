"""The JSON serializer."""

from __future__ import annotations

import json
from typing import Any

from attrs import define, field
from attrs.validators import ge, instance_of

from rota.abc import Serializer
from rota.model import DeserializationError, SerializationError
from rota.model._failure import text_of
from rota.serializers._registry import ClassRegistry, default_registry
from rota.serializers._tree import (
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_SIZE,
    TreeForm,
    build_tree,
    rebuild,
)

__all__ = ["JSONSerializer"]

_ATOMS = frozenset({type(None), bool, int, float, str})


@define(kw_only=True, eq=False)
class JSONSerializer(Serializer):
    """Serializes to JSON (RFC 8259), in UTF-8. It needs no other package and can be read by people.

    What JSON has no form for becomes an object with the one key `magic_key`, whose value is the name of a class
    and a state: the usual types of the standard library, rota's own classes, exceptions (builtin ones come back as
    such, others as `RemoteJobError`), and what was registered with `register_class`. Nothing else is accepted.

    :param magic_key: the key of such an object
    :param dump_options: keyword arguments for `json.dumps`
    :param load_options: keyword arguments for `json.loads`
    :param registry: which classes are rebuilt
    :param max_size: bytes of a serialized object
    :param max_depth: containers and objects within each other
    """

    magic_key: str = field(default="_rota_json", validator=instance_of(str))
    dump_options: dict[str, Any] = field(factory=dict)
    load_options: dict[str, Any] = field(factory=dict)
    registry: ClassRegistry = default_registry
    max_size: int = field(default=DEFAULT_MAX_SIZE, validator=ge(1))
    max_depth: int = field(default=DEFAULT_MAX_DEPTH, validator=ge(1))
    _form: TreeForm = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.dump_options = {"separators": (",", ":"), **self.dump_options, "allow_nan": False}
        self.load_options = {
            **self.load_options,
            "object_pairs_hook": _unique_keys,
            "parse_constant": _refuse_constant,
        }
        self._form = TreeForm(
            atoms=_ATOMS,
            tag=lambda name, state: {self.magic_key: [name, state]},
            untag=self._untag,
            is_plain_key=lambda key: key != self.magic_key,
            any_float=False,
        )

    def serialize(self, obj: object, *, context: bytes = b"") -> bytes:
        """Return `obj` as JSON. See `Serializer.serialize`; the context has no effect."""
        tree = build_tree(obj, self._form, self.registry, self.max_depth, self.max_size)
        try:
            serialized = json.dumps(tree, **self.dump_options).encode()
        except (TypeError, ValueError, RecursionError) as exc:
            raise SerializationError(f"cannot write the object as JSON: {text_of(exc)}") from exc
        if len(serialized) > self.max_size:
            raise SerializationError(
                f"the object must have at most {self.max_size} bytes, got: {len(serialized)}"
            )
        return serialized

    def deserialize(self, serialized: bytes, *, context: bytes = b"") -> Any:
        """Return the object that the JSON represents. See `Serializer.deserialize`; the context has no effect."""
        if len(serialized) > self.max_size:
            raise DeserializationError(
                f"the bytes must be at most {self.max_size}, got: {len(serialized)}"
            )
        try:
            tree = json.loads(str(serialized, "utf-8"), **self.load_options)
        except (TypeError, ValueError, RecursionError) as exc:
            raise DeserializationError(f"the bytes are not valid JSON: {text_of(exc)}") from exc
        return rebuild(tree, self._form, self.registry, self.max_depth)

    def _untag(self, tree: Any) -> tuple[str, Any] | None:
        if type(tree) is not dict or self.magic_key not in tree:
            return None
        content = tree[self.magic_key]
        if len(tree) == 1 and isinstance(content, list) and len(content) == 2:
            name, state = content
            if isinstance(name, str):
                return name, state
        raise DeserializationError(
            f"an object with the key {self.magic_key!r} must hold a name and a state only"
        )


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ValueError("an object has the same key twice")
    return keys


def _refuse_constant(name: str) -> float:
    raise ValueError(f"JSON has no such number, got: {name}")
