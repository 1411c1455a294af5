"""The pickle serializer: it stores almost anything, and can run code when it reads, so sign what others could write."""

from __future__ import annotations

import hmac
import pickle
from collections.abc import Sequence
from typing import Any

from attrs import define, field
from attrs.validators import ge, in_

from rota.abc import Serializer
from rota.model import DeserializationError, SerializationError
from rota.model._failure import text_of
from rota.serializers._tree import DEFAULT_MAX_SIZE
from rota.serializers._values import ZONE_REMEDY

__all__ = ["PickleSerializer"]

_MAGIC = b"rota\x01"  # not the beginning of any pickle
_MIN_KEY_BYTES = 16
_KEY_ID_BYTES = 8
_MAC_BYTES = 32
_HEADER_BYTES = len(_MAGIC) + _KEY_ID_BYTES + _MAC_BYTES


def _as_key(key: bytes | str) -> bytes:
    key = key.encode() if isinstance(key, str) else bytes(key)
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError(f"a key must have at least {_MIN_KEY_BYTES} bytes, got: {len(key)}")
    return key


def _as_key_or_none(key: bytes | str | None) -> bytes | None:
    return None if key is None else _as_key(key)


def _as_keys(keys: Sequence[bytes | str]) -> tuple[bytes, ...]:
    if isinstance(keys, bytes | str):
        raise TypeError("keys must be a sequence of keys, got: a single one")
    return tuple(map(_as_key, keys))


def _key_id(key: bytes) -> bytes:
    return hmac.digest(key, b"rota pickle key id", "sha256")[:_KEY_ID_BYTES]


@define(kw_only=True, eq=False)
class PickleSerializer(Serializer):
    """Serializes with `pickle`.

    Whoever can write to the data store can run code in every process that reads from it, unless a key is given:
    then everything is signed (HMAC-SHA256) together with its context, which is the place that it is stored in, and is
    read only after its signature was found good. What is not signed is refused.

    :param protocol: the protocol of `pickle`
    :param signing_key: the key to sign with, at least 16 bytes; 32 random ones are best
    :param keys: further keys whose signatures are accepted: earlier ones, and the one to come
    :param max_size: bytes of a serialized object
    """

    protocol: int = field(default=4, validator=in_(range(pickle.HIGHEST_PROTOCOL + 1)))
    signing_key: bytes | None = field(default=None, converter=_as_key_or_none, repr=False)
    keys: tuple[bytes, ...] = field(default=(), converter=_as_keys, repr=False)
    max_size: int = field(default=DEFAULT_MAX_SIZE, validator=ge(1))
    _key_id: bytes = field(init=False, repr=False, default=b"")
    _keys_by_id: dict[bytes, bytes] = field(init=False, repr=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        if self.signing_key is None:
            if self.keys:
                raise ValueError("signing_key must be given together with keys")
            return
        self._key_id = _key_id(self.signing_key)
        self._keys_by_id = {_key_id(key): key for key in (self.signing_key, *self.keys)}

    def serialize(self, obj: object, *, context: bytes = b"") -> bytes:
        """Return `obj` as a pickle, signed if there is a key. See `Serializer.serialize`."""
        try:
            pickled = pickle.dumps(obj, self.protocol)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # objects may raise anything when they are pickled
            raise SerializationError(
                f"cannot pickle a {type(obj).__qualname__}: {_reason(exc)}"
            ) from exc
        if len(pickled) > self.max_size:
            raise SerializationError(
                f"the object must have at most {self.max_size} bytes, got: {len(pickled)}"
            )
        if self.signing_key is None:
            return pickled
        signature = _sign(self.signing_key, context, pickled)
        return b"".join((_MAGIC, self._key_id, signature, pickled))

    def deserialize(self, serialized: bytes, *, context: bytes = b"") -> Any:
        """Return the pickled object; with a key, only if it was signed for this context. See `Serializer`."""
        if len(serialized) > self.max_size + _HEADER_BYTES:
            raise DeserializationError(
                f"the bytes must be at most {self.max_size}, got: {len(serialized)}"
            )
        pickled = self._verified(serialized, context)
        try:
            return pickle.loads(pickled)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # objects may raise anything when they are unpickled
            raise DeserializationError(f"cannot unpickle the bytes: {text_of(exc)}") from exc

    def _verified(self, serialized: bytes, context: bytes) -> bytes:
        """Return the pickle in `serialized` once its signature was found good."""
        signed = serialized.startswith(_MAGIC)
        if self.signing_key is None:
            if signed:
                raise DeserializationError(
                    "the bytes are signed; give the serializer the signing_key"
                )
            return serialized
        if not signed or len(serialized) < _HEADER_BYTES:
            raise DeserializationError(
                "the bytes are not signed, and only signed ones are accepted"
            )
        key_end = len(_MAGIC) + _KEY_ID_BYTES
        key = self._keys_by_id.get(serialized[len(_MAGIC) : key_end])
        if key is None:
            raise DeserializationError(
                "the bytes are signed with a key that the serializer was not given"
            )
        pickled = serialized[_HEADER_BYTES:]
        signature = serialized[key_end:_HEADER_BYTES]
        if not hmac.compare_digest(signature, _sign(key, context, pickled)):
            raise DeserializationError(
                "the signature of the bytes is wrong: they were changed, or moved from another place"
            )
        return pickled


def _reason(exc: BaseException) -> str:
    text = text_of(exc)
    unnamed_zone = isinstance(exc, pickle.PicklingError) and "ZoneInfo" in text
    return f"{ZONE_REMEDY} ({text})" if unnamed_zone else text


def _sign(key: bytes, context: bytes, pickled: bytes) -> bytes:
    domain = b"rota pickle 1" + len(context).to_bytes(8, "big") + context
    return hmac.digest(key, domain + pickled, "sha256")
