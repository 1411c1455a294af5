"""The CBOR serializer. It needs the package cbor2, which is imported when it is first used."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from attrs.validators import ge

from rota.abc import Serializer
from rota.model import DeserializationError, SerializationError
from rota.model._failure import text_of
from rota.serializers._cbor_check import check
from rota.serializers._registry import ClassRegistry, default_registry
from rota.serializers._tree import (
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_SIZE,
    TreeForm,
    build_tree,
    rebuild,
)

__all__ = ["CBORSerializer"]

_ATOMS = frozenset({type(None), bool, int, float, str, bytes})
#: options of cbor2 under which it writes tags that are not read
_REFUSED_OPTIONS = {"value_sharing", "string_referencing", "indefinite_containers"}


@define(kw_only=True, eq=False)
class CBORSerializer(Serializer):
    """Serializes to CBOR (RFC 8949): compact, and bytes are stored as they are.

    What CBOR has no exact form for becomes a tagged pair, the name of a class and a state: the usual types of the
    standard library, rota's own classes, exceptions (builtin ones come back as such, others as `RemoteJobError`), and
    what was registered with `register_class`. Nothing else is accepted, no other tags either.

    :param type_tag: the number of the tag of such a pair
    :param dump_options: keyword arguments for `cbor2.dumps`
    :param load_options: keyword arguments for `cbor2.loads`
    :param registry: which classes are rebuilt
    :param max_size: bytes of a serialized object
    :param max_depth: containers and objects within each other
    """

    type_tag: int = field(default=4664, validator=ge(256))
    dump_options: dict[str, Any] = field(factory=dict)
    load_options: dict[str, Any] = field(factory=dict)
    registry: ClassRegistry = default_registry
    max_size: int = field(default=DEFAULT_MAX_SIZE, validator=ge(1))
    max_depth: int = field(default=DEFAULT_MAX_DEPTH, validator=ge(1))
    _form: TreeForm = field(init=False)

    @dump_options.validator
    def _refuse_options(self, _attribute: object, value: dict[str, Any]) -> None:
        for option in _REFUSED_OPTIONS & value.keys():
            raise ValueError(
                f"dump_options must not contain what is not read again, got: {option!r}"
            )

    def __attrs_post_init__(self) -> None:
        from cbor2 import CBORTag

        self._form = TreeForm(
            atoms=_ATOMS,
            tag=lambda name, state: CBORTag(self.type_tag, [name, state]),
            untag=lambda tree: self._untag(tree) if isinstance(tree, CBORTag) else None,
            is_plain_key=lambda key: True,
            any_float=True,
        )

    def serialize(self, obj: object, *, context: bytes = b"") -> bytes:
        """Return `obj` as CBOR. See `Serializer.serialize`; the context has no effect."""
        import cbor2

        tree = build_tree(obj, self._form, self.registry, self.max_depth, self.max_size)
        try:
            serialized = cbor2.dumps(tree, **self.dump_options)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            raise SerializationError(f"cannot write the object as CBOR: {text_of(exc)}") from exc
        if len(serialized) > self.max_size:
            raise SerializationError(
                f"the object must have at most {self.max_size} bytes, got: {len(serialized)}"
            )
        return serialized

    def deserialize(self, serialized: bytes, *, context: bytes = b"") -> Any:
        """Return the object that the CBOR represents. See `Serializer.deserialize`; the context has no effect."""
        import cbor2

        if len(serialized) > self.max_size:
            raise DeserializationError(
                f"the bytes must be at most {self.max_size}, got: {len(serialized)}"
            )
        try:
            check(serialized, self.type_tag, self.max_depth)
            tree = cbor2.loads(serialized, **self.load_options)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            raise DeserializationError(f"the bytes are not valid CBOR: {text_of(exc)}") from exc
        return rebuild(tree, self._form, self.registry, self.max_depth)

    def _untag(self, tag: Any) -> tuple[str, Any]:
        content = tag.value
        if isinstance(content, list | tuple) and len(content) == 2:
            name, state = content
            if isinstance(name, str):
                return name, state
        raise DeserializationError("a tagged value must hold a name and a state only")
