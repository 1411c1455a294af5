"""Classes of users: registered ones are rebuilt, others are refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from rota.abc import Trigger
from rota.model import DeserializationError, SerializationError
from rota.serializers import ClassRegistry, default_registry, register_class
from rota.serializers.cbor import CBORSerializer
from rota.serializers.json import JSONSerializer

if TYPE_CHECKING:
    from datetime import datetime


class Colour(Enum):
    red = "r"
    green = "g"


class Level(IntEnum):
    low = 1


@dataclass
class Point:
    x: int
    y: tuple[int, ...]


@attrs.frozen
class Size:
    _width: int
    unit: Colour = Colour.red


@attrs.define
class Counter:
    step: int
    count: int = attrs.field(default=0, init=False)


class Plain:
    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and other.name == self.name


class WithState(Plain):
    def __getstate__(self) -> list[str]:
        return [self.name]

    def __setstate__(self, state: list[str]) -> None:
        (self.name,) = state


class Slotted:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class MyTrigger(Trigger):
    def __init__(self, left: int) -> None:
        self.left = left

    def next(self) -> datetime | None:
        return None


class Celsius(float):
    pass


@pytest.fixture
def registry() -> ClassRegistry:
    return ClassRegistry()


@pytest.fixture(params=[JSONSerializer, CBORSerializer])
def serializer(request: pytest.FixtureRequest, registry: ClassRegistry) -> Any:
    return request.param(registry=registry)


@pytest.mark.parametrize(
    "instance",
    [
        Colour.green,
        Level.low,
        Point(1, (2, 3)),
        Size(3, Colour.green),
        Plain("a"),
        WithState("b"),
        Celsius(36.6),
    ],
    ids=lambda instance: type(instance).__name__,
)
def test_registered_class_is_rebuilt(
    serializer: Any, registry: ClassRegistry, instance: Any
) -> None:
    registry.register_class(Colour)
    if isinstance(instance, Celsius):
        registry.register_class(Celsius, to_state=float, from_state=Celsius)
    else:
        registry.register_class(type(instance))
    back = serializer.deserialize(serializer.serialize([instance]))[0]
    assert type(back) is type(instance)
    assert back == instance


def test_state_that_the_constructor_does_not_take_is_kept(
    serializer: Any, registry: ClassRegistry
) -> None:
    registry.register_class(Counter)
    counter = Counter(2)
    counter.count = 5
    assert serializer.deserialize(serializer.serialize(counter)) == counter


def test_own_trigger_is_rebuilt(serializer: Any, registry: ClassRegistry) -> None:
    registry.register_class(MyTrigger)
    assert serializer.deserialize(serializer.serialize(MyTrigger(3))).left == 3


@pytest.mark.parametrize(
    "instance", [Colour.red, Level.low, Point(1, ()), Plain("a"), Celsius(1.0), MyTrigger(1)]
)
def test_class_that_is_not_registered_is_not_written(serializer: Any, instance: Any) -> None:
    """The error says what to do."""
    name = type(instance).__name__
    pattern = rf"not registered with rota.serializers.register_class, got: .*test_registry:{name}$"
    with pytest.raises(SerializationError, match=pattern):
        serializer.serialize({"key": instance})


def test_subclass_of_a_registered_class_is_not_written(
    serializer: Any, registry: ClassRegistry
) -> None:
    """It would come back as something else."""
    registry.register_class(Plain)
    with pytest.raises(SerializationError, match="not registered"):
        serializer.serialize(WithState("a"))


def test_class_that_is_not_registered_is_not_read(registry: ClassRegistry) -> None:
    writer, reader = JSONSerializer(registry=registry), JSONSerializer()
    registry.register_class(Plain)
    with pytest.raises(DeserializationError, match=r"not registered .*, got: '.*:Plain'$"):
        reader.deserialize(writer.serialize(Plain("a")))


def test_name_outlives_a_move(registry: ClassRegistry) -> None:
    registry.register_class(Plain, name="myapp.plain")
    other = ClassRegistry()
    other.register_class(
        WithState, name="myapp.plain", to_state=vars, from_state=lambda state: WithState(**state)
    )
    serialized = JSONSerializer(registry=registry).serialize(Plain("a"))
    assert serialized == b'{"_rota_json":["myapp.plain",{"name":"a"}]}'
    assert JSONSerializer(registry=other).deserialize(serialized) == WithState("a")


def test_name_of_another_class_is_refused(registry: ClassRegistry) -> None:
    registry.register_class(Plain, name="thing")
    registry.register_class(Plain, name="thing")
    with pytest.raises(ValueError, match=r"^name must not be that of another class, got: 'thing'$"):
        registry.register_class(Point, name="thing")
    with pytest.raises(ValueError, match=r"got: 'rota:Job'$"):
        registry.register_class(Point, name="rota:Job")


def test_name_of_a_value_is_refused(registry: ClassRegistry) -> None:
    with pytest.raises(ValueError, match=r"got: 'datetime'$"):
        registry.register_class(Point, name="datetime")


def test_class_whose_state_cannot_be_told_is_refused(registry: ClassRegistry) -> None:
    with pytest.raises(TypeError, match=r"give to_state and from_state, got: <class '.*Slotted'>$"):
        registry.register_class(Slotted)


def test_half_a_conversion_is_refused(registry: ClassRegistry) -> None:
    with pytest.raises(TypeError, match=r"^to_state and from_state must be given together$"):
        registry.register_class(Slotted, to_state=lambda slotted: slotted.name)


def test_conversion_that_raises_is_an_error_of_serialization(
    serializer: Any, registry: ClassRegistry
) -> None:
    registry.register_class(Slotted, to_state=lambda _: 1 / 0, from_state=Slotted)
    with pytest.raises(SerializationError, match=r"^cannot serialize a Slotted: division by zero$"):
        serializer.serialize(Slotted("a"))


def test_rebuilding_that_raises_is_an_error_of_deserialization(
    serializer: Any, registry: ClassRegistry
) -> None:
    registry.register_class(Slotted, to_state=lambda _: 0, from_state=lambda state: 1 / state)
    serialized = serializer.serialize(Slotted("a"))
    with pytest.raises(DeserializationError, match=r"Slotted: division by zero$"):
        serializer.deserialize(serialized)


def test_decorator_registers_for_all_serializers() -> None:
    @register_class
    class Decorated(Plain):
        pass

    assert default_registry.by_class(Decorated) is not None
    assert JSONSerializer().deserialize(JSONSerializer().serialize(Decorated("a"))).name == "a"
