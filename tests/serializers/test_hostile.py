"""Bytes that somebody else wrote: they are refused, quickly, without importing or running anything."""

from __future__ import annotations

import json
import pickle
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from cbor2 import CBORTag
from hypothesis import example, given, strategies as st

from rota.model import DeserializationError, SerializationError
from rota.serializers.cbor import CBORSerializer
from rota.serializers.json import JSONSerializer
from rota.serializers.pickle import PickleSerializer
from tests.serializers.conftest import KEY, STRICT

if TYPE_CHECKING:
    from rota.abc import Serializer


def tagged(serializer: Serializer, name: Any, state: Any) -> bytes:
    """Write what the serializer itself would not."""
    if isinstance(serializer, JSONSerializer):
        return json.dumps({"_rota_json": [name, state]}).encode()
    return cbor2.dumps(CBORTag(4664, [name, state]))


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "subprocess:Popen",
        "builtins:eval",
        "antigravity",
        "rota.schedulers.async_:AsyncScheduler",
        "rota:RotaError",
        "rota:SystemClock",
        "rota:../../etc/passwd",
        "",
        "x" * 10_000,
    ],
)
def test_class_that_is_not_registered_is_refused(strict: Serializer, name: str) -> None:
    before = set(sys.modules)
    with pytest.raises(
        DeserializationError, match=r"names? a class that is not registered"
    ) as raised:
        strict.deserialize(tagged(strict, name, ["touch /tmp/hacked"]))
    assert len(str(raised.value)) < 400
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("tuple", "abc"),
        ("set", [[1]]),
        ("dict", [[1, 2, 3]]),
        ("dict", [1]),
        ("datetime", ["2025-13-01", None, 0]),
        ("datetime", ["2025-01-01T00:00:00", "../../../etc/passwd", 0]),
        ("datetime", ["2025-01-01T00:00:00", "/etc/passwd", 0]),
        ("datetime", ["2025-01-01T00:00:00", 10**18, 0]),
        ("datetime", ["2025-01-01T00:00:00", None, 7]),
        ("datetime", 5),
        ("timedelta", 10**30),
        ("timedelta", "1"),
        ("zone", "Mars/Olympus"),
        ("uuid", "xyz"),
        ("uuid", ["a"]),
        ("decimal", "one"),
        ("bytes", "é"),
        ("float", "one"),
        ("exception", ["ValueError", 1, "", None, None]),
        ("exception", []),
        ("rota:Job", {}),
        ("rota:Job", ["a"]),
        ("rota:Job", {"no": "field"}),
        ("rota:JobOutcome", "splendid"),
        ("rota:JobOutcome", "__class__"),
        ("rota:Task", {"id": "", "job_executor": "async"}),
        ("rota:CronTrigger", {"version": 1, "hour": "99"}),
        ("rota:CronTrigger", None),
        ("rota:IntervalTrigger", {"version": 10**9}),
    ],
)
def test_damaged_state_is_refused(strict: Serializer, name: str, state: Any) -> None:
    with pytest.raises(DeserializationError, match=r"^cannot rebuild a "):
        strict.deserialize(tagged(strict, name, state))


@pytest.mark.parametrize("name", [1, None, ["tuple"]])
def test_name_that_is_no_text_is_refused(strict: Serializer, name: Any) -> None:
    with pytest.raises(DeserializationError, match="must hold a name and a state only"):
        strict.deserialize(tagged(strict, name, []))


@pytest.mark.parametrize(
    "name",
    [
        "SystemExit",
        "KeyboardInterrupt",
        "eval",
        "__import__",
        "object",
        "os.error",
        "ValueError.__init__",
    ],
)
def test_only_builtin_exceptions_are_rebuilt(strict: Serializer, name: str) -> None:
    """Nothing that ends the process, and nothing that is no exception."""
    back = strict.deserialize(tagged(strict, "exception", [name, "text", "", ["text"], None]))
    assert type(back).__name__ == "RemoteJobError"
    assert back.type_name == name


JSON_CASES = {
    "not-json": b"{",
    "nothing": b"",
    "not-utf-8": b'"\xff"',
    "utf-16": '"a"'.encode("utf-16"),
    "byte-order-mark": b"\xef\xbb\xbf1",
    "duplicate-keys": b'{"a": 1, "a": 2}',
    "duplicate-magic-keys": b'{"_rota_json": ["tuple", []], "_rota_json": ["set", []]}',
    "more-than-the-magic-key": b'{"_rota_json": ["tuple", []], "a": 1}',
    "magic-key-without-state": b'{"_rota_json": ["tuple"]}',
    "not-a-number": b"[NaN]",
    "infinity": b"-Infinity",
    "overflowing-number": b"1e999",
    "five-thousand-digits": b"1" * 5_000,
    "trailing-text": b"1 2",
    "deep-lists": b"[" * 100_000 + b"]" * 100_000,
    "a-little-too-deep": b"[" * 101 + b"]" * 101,
    "deep-objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "deep-tags": b'{"_rota_json":["tuple",[' * 60 + b"]]}" * 60,
}


@pytest.mark.parametrize("serialized", JSON_CASES.values(), ids=JSON_CASES)
def test_hostile_json_is_refused(serialized: bytes) -> None:
    with pytest.raises(DeserializationError) as raised:
        JSONSerializer().deserialize(serialized)
    assert len(str(raised.value)) < 400


CBOR_CASES = {
    "nothing": b"",
    "truncated-text": b"\x65abc",
    "truncated-list": b"\x82\x01",
    "length-of-exabytes": b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "list-of-exabytes": b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "map-of-billions": b"\xba\xff\xff\xff\xff",
    "indefinite-list": b"\x9f\x01\xff",
    "indefinite-text": b"\x7f\x61a\xff",
    "reserved-length": b"\x1c",
    "undefined": b"\xf7",
    "simple-value": b"\xf8\x20",
    "not-utf-8": b"\x61\xff",
    "left-over": b"\x01\x01",
    "number-as-key": cbor2.dumps({1: 2}),
    "duplicate-keys": b"\xa2\x61a\x01\x61a\x02",
    "regular-expression": cbor2.dumps(CBORTag(35, "(a+)+$")),
    "native-datetime": cbor2.dumps(CBORTag(0, "2025-01-01T00:00:00Z")),
    "decimal-fraction": b"\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",
    "shared-reference": b"\xd8\x1c\x81\xd8\x1d\x00",
    "unknown-tag": cbor2.dumps(CBORTag(9999, "a")),
    "big-number-of-a-text": b"\xc2\x61a",
    "tag-without-a-pair": cbor2.dumps(CBORTag(4664, 1)),
    "deep-lists": b"\x81" * 100_000 + b"\x01",
    "a-little-too-deep": b"\x81" * 101 + b"\x01",
    "deep-maps": b"\xa1\x61a" * 5_000 + b"\x01",
    "deep-tags": b"\xd9\x12\x38" * 5_000 + b"\x01",
}


@pytest.mark.parametrize("serialized", CBOR_CASES.values(), ids=CBOR_CASES)
def test_hostile_cbor_is_refused(serialized: bytes) -> None:
    with pytest.raises(DeserializationError) as raised:
        CBORSerializer().deserialize(serialized)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("name", STRICT)
@given(serialized=st.binary(max_size=200))
@example(serialized=b"\xd9\x12\x38\x82")
def test_any_bytes_give_a_value_or_the_one_error(name: str, serialized: bytes) -> None:
    with suppress(DeserializationError):
        STRICT[name]().deserialize(serialized)


@pytest.mark.parametrize("name", STRICT)
@given(data=st.data())
def test_damaged_rows_give_a_value_or_the_one_error(name: str, data: st.DataObject) -> None:
    """Each byte of a real row may be any other."""
    serializer = STRICT[name]()
    serialized = bytearray(serializer.serialize({"a": (1, {2: 3}), "b": [None, 1.5, b"x", {"c"}]}))
    at = data.draw(st.integers(0, len(serialized) - 1))
    serialized[at] = data.draw(st.integers(0, 255))
    with suppress(DeserializationError):
        serializer.deserialize(bytes(serialized))


class TestSizeAndDepth:
    @pytest.mark.parametrize(
        "value", ["x" * 100_000_000, b"x" * 100_000_000], ids=["text", "bytes"]
    )
    def test_hundred_megabytes_are_not_written(self, serializer: Serializer, value: object) -> None:
        with pytest.raises(
            SerializationError, match=r"^the object must have at most 16777216 bytes, got: "
        ):
            serializer.serialize({"argument": [value]})

    @pytest.mark.parametrize("limited", STRICT.values(), ids=STRICT)
    def test_many_small_things_are_not_written(self, limited: Any) -> None:
        with pytest.raises(SerializationError, match=r"^the object must have at most 10000 bytes"):
            limited(max_size=10_000).serialize([[None] * 100] * 1_000)

    @pytest.mark.parametrize("lenient", STRICT.values(), ids=STRICT)
    def test_limit_above_the_stack_is_no_crash(self, lenient: Any) -> None:
        value: list[Any] = []
        for _ in range(5_000):
            value = [value]
        with pytest.raises(SerializationError, match="nested too deeply for the stack"):
            lenient(max_depth=1_000_000).serialize(value)
        with pytest.raises(DeserializationError):
            lenient(max_depth=1_000_000).deserialize(CBOR_CASES["deep-lists"])
        with pytest.raises(DeserializationError):
            lenient(max_depth=1_000_000).deserialize(JSON_CASES["deep-objects"])

    def test_hundred_megabytes_are_not_read(self, serializer: Serializer) -> None:
        with pytest.raises(
            DeserializationError, match=r"^the bytes must be at most 16777216, got: 1000"
        ):
            serializer.deserialize(bytes(100_000_000))

    def test_limit_can_be_set(self) -> None:
        for serializer in (
            JSONSerializer(max_size=10),
            CBORSerializer(max_size=10),
            PickleSerializer(max_size=10),
        ):
            with pytest.raises(
                SerializationError, match=r"^the object must have at most 10 bytes, got: "
            ):
                serializer.serialize("0123456789")

    def test_deep_nesting_is_not_written(self, serializer: Serializer) -> None:
        value: list[Any] = []
        for _ in range(100_000):
            value = [value]
        with pytest.raises(SerializationError):
            serializer.serialize(value)
        while value:  # taking it apart by recursion would exhaust the stack
            value = value.pop()

    def test_what_contains_itself_is_not_written(self, strict: Serializer) -> None:
        value: list[Any] = []
        value.append(value)
        with pytest.raises(SerializationError, match="must not be nested deeper than 100 levels"):
            strict.serialize(value)

    @pytest.mark.parametrize(
        "wrap", [lambda x: [x], lambda x: (x,), lambda x: {"a": x}, lambda x: {1: x}]
    )
    def test_what_is_written_can_be_read(self, strict: Serializer, wrap: Any) -> None:
        """The limits of writing and reading agree."""
        value, written = 1, 0
        while True:
            value = wrap(value)
            try:
                serialized = strict.serialize(value)
            except SerializationError:
                break
            written += 1
            assert strict.deserialize(serialized) == value
        assert 30 <= written <= 100


def ran(*_args: Any) -> None:
    raise AssertionError("code of the payload has run")


class Trap:
    def __reduce__(self) -> Any:
        return ran, ()


class TestSignedPickle:
    signed = PickleSerializer(signing_key=KEY)

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_unsigned_row_is_refused_unread(self, protocol: int) -> None:
        with pytest.raises(
            DeserializationError, match=r"^the bytes are not signed, and only signed"
        ):
            self.signed.deserialize(pickle.dumps(Trap(), protocol))

    def test_signature_of_nobody_is_refused_unread(self) -> None:
        header = self.signed.serialize(1)[:13]
        with pytest.raises(DeserializationError, match=r"^the signature of the bytes is wrong"):
            self.signed.deserialize(header + bytes(32) + pickle.dumps(Trap()))

    def test_exchanged_pickle_is_refused_unread(self) -> None:
        header = self.signed.serialize(1)[:45]
        with pytest.raises(DeserializationError, match=r"^the signature of the bytes is wrong"):
            self.signed.deserialize(header + pickle.dumps(Trap()))

    def test_row_of_another_place_is_refused_unread(self) -> None:
        serialized = self.signed.serialize(Trap(), context=b"schedules:a:args")
        for context in (b"", b"schedules:b:args", b"schedules:a:arg"):
            with pytest.raises(DeserializationError, match="moved from another place"):
                self.signed.deserialize(serialized, context=context)

    def test_context_cannot_be_moved_into_the_row(self) -> None:
        """The border between the context and the pickle is signed, too."""
        serialized = self.signed.serialize([1], context=b"a")
        forged = serialized[:45] + b"a" + serialized[45:]
        with pytest.raises(DeserializationError, match=r"^the signature of the bytes is wrong"):
            self.signed.deserialize(forged, context=b"")

    def test_every_byte_is_protected(self) -> None:
        serialized = self.signed.serialize({"a": 1}, context=b"row")
        for at in range(len(serialized)):
            damaged = bytearray(serialized)
            damaged[at] ^= 1
            with pytest.raises(DeserializationError):
                self.signed.deserialize(bytes(damaged), context=b"row")

    def test_other_key_is_refused(self) -> None:
        other = PickleSerializer(signing_key="another key of thirty-two bytes.")
        with pytest.raises(
            DeserializationError, match="with a key that the serializer was not given"
        ):
            other.deserialize(self.signed.serialize(1))

    def test_earlier_key_is_accepted(self) -> None:
        new = PickleSerializer(signing_key="another key of thirty-two bytes.", keys=[KEY])
        assert new.deserialize(self.signed.serialize({"a": 1}, context=b"x"), context=b"x") == {
            "a": 1
        }
        with pytest.raises(DeserializationError, match="was not given"):
            self.signed.deserialize(new.serialize(1))

    def test_signed_row_without_a_key_is_explained(self) -> None:
        with pytest.raises(
            DeserializationError, match=r"^the bytes are signed; give the serializer the"
        ):
            PickleSerializer().deserialize(self.signed.serialize(1))

    def test_short_key_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"^a key must have at least 16 bytes, got: 5$"):
            PickleSerializer(signing_key="short")

    def test_single_key_as_keys_is_refused(self) -> None:
        with pytest.raises(
            TypeError, match=r"^keys must be a sequence of keys, got: a single one$"
        ):
            PickleSerializer(signing_key=KEY, keys=KEY)  # type: ignore[arg-type]

    def test_keys_without_a_signing_key_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"^signing_key must be given together with keys$"):
            PickleSerializer(keys=[KEY])

    def test_keys_are_not_shown(self) -> None:
        assert "0123" not in repr(self.signed)


@pytest.mark.parametrize("serialized", [b"", b"garbage", b"\x80\x04", b"\x80\x04crota\nnothing\n."])
def test_damaged_pickle_is_an_error_of_deserialization(serialized: bytes) -> None:
    with pytest.raises(DeserializationError, match=r"^cannot unpickle the bytes: "):
        PickleSerializer().deserialize(serialized)
