"""The parameters of the serializers."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import cbor2
import pytest
from cbor2 import CBORTag

from rota.serializers.cbor import CBORSerializer
from rota.serializers.json import JSONSerializer
from rota.serializers.pickle import PickleSerializer


def test_magic_key_can_be_chosen() -> None:
    serializer = JSONSerializer(magic_key="_type")
    assert serializer.serialize((1,)) == b'{"_type":["tuple",[1]]}'
    assert serializer.deserialize(b'{"_type":["tuple",[1]]}') == (1,)
    assert serializer.deserialize(b'{"_rota_json":["tuple",[1]]}') == {"_rota_json": ["tuple", [1]]}


def test_type_tag_can_be_chosen() -> None:
    serializer = CBORSerializer(type_tag=5000)
    serialized = serializer.serialize((1,))
    assert serialized == cbor2.dumps(CBORTag(5000, ["tuple", [1]]))
    assert serializer.deserialize(serialized) == (1,)


def test_options_reach_the_library() -> None:
    assert JSONSerializer(dump_options={"sort_keys": True, "indent": 1}).serialize(
        {"b": 1, "a": 2}
    ) == (b'{\n "a":2,\n "b":1\n}')
    assert JSONSerializer(load_options={"parse_int": float}).deserialize(b"[1]") == [1.0]
    assert CBORSerializer(dump_options={"canonical": True}).serialize(
        {"b": 1, "a": 2}
    ) == cbor2.dumps({"a": 2, "b": 1})


@pytest.mark.parametrize("option", ["value_sharing", "string_referencing", "indefinite_containers"])
def test_option_whose_output_is_not_read_is_refused(option: str) -> None:
    pattern = f"^dump_options must not contain what is not read again, got: '{option}'$"
    with pytest.raises(ValueError, match=pattern):
        CBORSerializer(dump_options={option: True})


@pytest.mark.parametrize("type_tag", [0, 35, 255])
def test_tag_of_something_else_is_refused(type_tag: int) -> None:
    with pytest.raises(ValueError, match="'type_tag' must be >= 256"):
        CBORSerializer(type_tag=type_tag)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_protocol_can_be_chosen(protocol: int) -> None:
    serialized = PickleSerializer(protocol=protocol).serialize([1, "a"])
    assert serialized == pickle.dumps([1, "a"], protocol)


def test_unknown_pickle_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="'protocol' must be in range"):
        PickleSerializer(protocol=99)


def test_positional_parameters_are_refused() -> None:
    serializers: list[Any] = [PickleSerializer, JSONSerializer, CBORSerializer]
    for serializer in serializers:
        with pytest.raises(TypeError, match="positional argument"):
            serializer(4)


def test_cbor2_is_imported_only_when_it_is_used() -> None:
    program = (
        "import sys, rota.serializers.cbor, rota.serializers.json, rota.serializers.pickle;"
        "assert 'cbor2' not in sys.modules; rota.serializers.cbor.CBORSerializer();"
        "assert 'cbor2' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_triggers_are_imported_only_when_they_are_met() -> None:
    """A process that only publishes events does not pay for them."""
    program = (
        "import sys; from rota.serializers.json import JSONSerializer; s = JSONSerializer();"
        "before = set(sys.modules); from datetime import datetime, timezone;"
        "s.serialize(datetime(2025, 1, 1, tzinfo=timezone.utc));"
        "assert 'rota.triggers.cron' not in set(sys.modules) - before"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
