"""The interface of serializers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class Serializer(ABC):
    """Turns objects into bytes for a data store or an event broker, and back."""

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
