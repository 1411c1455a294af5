"""The interface of serializers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from rota.abc._accepts import accepts


class Serializer(ABC):
    """Turns objects into bytes for a data store or an event broker, and back.

    A serializer that was written for APScheduler 4, which knows no contexts, can be used, too. It may be called in any
    thread, and in several at once: a data store on an SQLite file does so.
    """

    __slots__ = ()

    @abstractmethod
    def serialize(self, obj: object, *, context: bytes = b"") -> bytes:
        """Return `obj` as bytes.

        :param context: where the bytes are stored: the table and the id of the row. A serializer that signs
            includes it, so that bytes cannot be moved to another place
        :raises SerializationError: if it cannot be represented
        """

    @abstractmethod
    def deserialize(self, serialized: bytes, *, context: bytes = b"") -> Any:
        """Return the object that `serialized` represents.

        :param context: that with which it was serialized
        :raises DeserializationError: if the bytes are damaged, not trusted, or name a class that is not registered
        """


class _WithoutContext(Serializer):
    """A serializer that does not take the context."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Serializer) -> None:
        self._inner = inner

    def serialize(self, obj: object, *, context: bytes = b"") -> bytes:
        return self._inner.serialize(obj)

    def deserialize(self, serialized: bytes, *, context: bytes = b"") -> Any:
        return self._inner.deserialize(serialized)


def taking_context(serializer: Serializer) -> Serializer:
    """Return a serializer that may be given contexts, whether it takes account of them or not."""
    if accepts(serializer.serialize, None, context=b""):
        return serializer
    return _WithoutContext(serializer)
