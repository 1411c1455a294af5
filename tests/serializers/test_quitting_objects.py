"""Objects that want to end the process that writes or reads them, and interruptions, which are none of an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rota.model import DeserializationError, SerializationError
from rota.serializers import ClassRegistry
from rota.serializers.cbor import CBORSerializer
from rota.serializers.json import JSONSerializer
from rota.serializers.pickle import PickleSerializer

if TYPE_CHECKING:
    from rota.abc import Serializer


class Quitter:
    """An object that wants to end the process when it is written, or when it is read again."""

    def __init__(self, *, at_once: bool = False, interrupts: bool = False) -> None:
        self.at_once = at_once
        self.interrupts = interrupts

    def __getstate__(self) -> dict[str, Any]:
        if self.at_once:
            raise SystemExit
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        raise KeyboardInterrupt if state["interrupts"] else SystemExit


registry = ClassRegistry()
registry.register_class(Quitter)
OF_QUITTERS = [
    PickleSerializer(),
    JSONSerializer(registry=registry),
    CBORSerializer(registry=registry),
]


@pytest.mark.parametrize("serializer", OF_QUITTERS, ids=lambda s: type(s).__name__)
def test_object_that_wants_to_end_the_process_is_an_error(serializer: Serializer) -> None:
    with pytest.raises(SerializationError):
        serializer.serialize(Quitter(at_once=True))
    written = serializer.serialize(Quitter())
    with pytest.raises(DeserializationError):
        serializer.deserialize(written)


@pytest.mark.parametrize("serializer", OF_QUITTERS, ids=lambda s: type(s).__name__)
def test_row_that_is_read_when_ctrl_c_comes_is_not_damaged(serializer: Serializer) -> None:
    written = serializer.serialize(Quitter(interrupts=True))
    with pytest.raises(KeyboardInterrupt):
        serializer.deserialize(written)
