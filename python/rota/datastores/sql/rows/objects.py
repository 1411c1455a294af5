"""The parts of rows that the serializer of a store makes and reads: triggers, arguments, results; and texts."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from rota._making import uuid_of
from rota.abc import Serializer, Trigger
from rota.abc._serializer import taking_context
from rota.model import DeserializationError, SerializationError
from rota.model._validation import as_args, as_kwargs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Definition",
    "Objects",
    "as_text",
    "as_uuid",
    "from_json",
    "storable",
    "to_json",
]

CACHED_TRIGGERS = 10_000


class Definition(NamedTuple):
    """A trigger as it is stored.

    :param data: it, serialized; at its beginning, unless it is stateful
    :param stateful: whether its position is in `data`
    :param cursor: otherwise its position, as JSON
    """

    data: bytes
    stateful: bool
    cursor: str | None


class _Capped(Serializer):
    """The serializer of a store, which refuses what the database would.

    :param largest: how many bytes a value may have; `None` if the database takes any number of them
    """

    __slots__ = ("inner", "largest")

    inner: Serializer
    largest: int | None

    def __init__(self, inner: Serializer) -> None:
        self.inner = inner
        self.largest = None

    def serialize(self, obj: object, *, context: bytes = b"") -> bytes:
        data = self.inner.serialize(obj, context=context)
        if self.largest is not None and len(data) > self.largest:
            raise SerializationError(
                f"the object must have at most {self.largest} bytes for this database to take it, got: {len(data)}"
            )
        return data

    def deserialize(self, serialized: bytes, *, context: bytes = b"") -> Any:
        return self.inner.deserialize(serialized, context=context)


class Objects:
    """Writes and reads triggers and arguments, and remembers the definitions of triggers that it has seen.

    Each object is written for its place, so that bytes that are signed count nowhere else.
    """

    def __init__(self, serializer: Serializer) -> None:
        serializer = taking_context(serializer)
        self.serializer: _Capped = _Capped(serializer)
        one, other = (serializer.serialize(None, context=place) for place in (b"1", b"2"))
        self._places_differ = one != other
        self._read_definition = lru_cache(CACHED_TRIGGERS)(self._read_anew)
        self._write_definition = lru_cache(CACHED_TRIGGERS)(self._write_anew)

    def limit(self, largest: int | None) -> None:
        """Refuse to write what has more bytes than the database takes; `None` for any number."""
        self.serializer.largest = largest

    def definition(self, schedule_id: str, trigger: Trigger) -> Definition:
        """Return what is stored of a trigger.

        :raises SerializationError: if it cannot be written
        """
        place = self._place(schedule_id)
        if trigger.stateful:
            return Definition(self.serializer.serialize(trigger, context=place), True, None)
        try:
            data = self._write_definition(trigger, place)
        except TypeError:  # a part of it has no hash
            data = self._write_anew(trigger, place)
        return Definition(data, False, cursor_text(trigger))

    def trigger(self, schedule_id: str, stored: Definition) -> Trigger:
        """Return a stored trigger at its position. Raises whatever reading it raises."""
        place = self._place(schedule_id)
        if stored.stateful:
            return self._read_anew(stored.data, place)
        definition = self._read_definition(stored.data, place)
        return definition.at(None if stored.cursor is None else _cursor(stored.cursor))

    def same_definition(self, schedule_id: str, stored: Definition, new: Definition) -> bool:
        """Tell whether a stored trigger has the definition of a new one."""
        if stored.data == new.data:
            return True
        if stored.stateful or new.stateful:
            return False
        place = self._place(schedule_id)
        try:
            old = self._read_definition(stored.data, place)
            return old.same_rule(self._read_definition(new.data, place))
        except Exception:  # noqa: BLE001 - what cannot be read is not the same
            return False

    def _place(self, schedule_id: str) -> bytes:
        return b"schedule trigger " + schedule_id.encode() if self._places_differ else b""

    def _write_anew(self, trigger: Trigger, place: bytes) -> bytes:
        return self.serializer.serialize(trigger.at(None), context=place)

    def _read_anew(self, data: bytes, place: bytes) -> Trigger:
        trigger = self.serializer.deserialize(data, context=place)
        if not isinstance(trigger, Trigger):
            raise DeserializationError(f"expected a trigger, got: {type(trigger).__qualname__}")
        return trigger

    def write_arguments(
        self, place: bytes, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> bytes:
        """Return the arguments of a job or a schedule in one piece.

        :raises SerializationError: if one of them cannot be written
        """
        return self.serializer.serialize([list(args), dict(kwargs)], context=place)

    def read_arguments(self, place: bytes, data: bytes) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Return the arguments. Raises whatever reading them raises."""
        args, kwargs = self.serializer.deserialize(data, context=place)
        return as_args(args), as_kwargs(kwargs)


def cursor_text(trigger: Trigger) -> str | None:
    """Return the position of a trigger that is not stateful."""
    cursor = trigger.cursor
    if type(cursor) is int:  # nearly always
        return str(cursor)
    return None if cursor is None else json.dumps(cursor)


def _cursor(text: str) -> object:
    return int(text) if text.isdecimal() else json.loads(text)


def as_uuid(value: UUID) -> UUID:
    """Return a UUID of the standard library; drivers have classes of their own, which not every process can import."""
    return value if type(value) is UUID else uuid_of(value.int)


def as_text(value: str | None) -> str | None:
    """Return a text that every database can keep."""
    if value is None:
        return None
    return value.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def storable(name: str, value: str) -> str:
    """Refuse an id that is no valid Unicode text.

    :raises SerializationError: if it is not
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SerializationError(f"{name} must be valid Unicode, got: {value!a}") from None
    return value


def to_json(value: Mapping[str, Any]) -> str | None:
    """Return metadata as JSON; `None` if there are none."""
    return json.dumps(value) if value else None


def from_json(text: str | None) -> dict[str, Any]:
    """Return the metadata of a JSON text.

    :raises ValueError: if it is another text
    """
    metadata = json.loads(text) if text else {}
    if not isinstance(metadata, dict):
        raise ValueError(f"metadata must be a JSON object, got: {text:.100}")
    return metadata
