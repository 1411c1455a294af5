"""The interface of serializers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class Serializer(ABC):
    """Turns objects into bytes for a data store or an event broker, and back."""

    __slots__ = ()

    @abstractmethod
    def serialize(self, obj: object) -> bytes:
        """Return `obj` as bytes.

        :raises SerializationError: if it cannot be represented
        """

    @abstractmethod
    def deserialize(self, serialized: bytes) -> Any:
        """Return the object that `serialized` represents.

        :raises DeserializationError: if the bytes are damaged, not trusted, or name a class that is not registered
        """
