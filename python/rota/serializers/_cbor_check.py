"""A look over CBOR bytes before they are decoded: that they hold only what rota writes, and no more than they say.

Decoders accept more than rota writes: regular expressions, cyclic references, maps with the same key twice, and,
depending on their version, nesting that exhausts the stack. None of that reaches the decoder.
"""

from __future__ import annotations

__all__ = ["check"]

# major types, RFC 8949, section 3.1
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_BIGNUM_TAGS = (2, 3)
_PLAIN_SIMPLE = (20, 21, 22)  # false, true, null
_FLOATS = (25, 26, 27)


def check(data: bytes, type_tag: int, max_depth: int) -> None:
    """Check that `data` is one item of CBOR that consists of definite items, text keys, and the tags that rota writes.

    :raises ValueError: if it is not
    """
    end = _Checker(data, type_tag, max_depth).item(0, 0)
    if end != len(data):
        raise ValueError(f"bytes are left over after the end, got: {len(data) - end}")


class _Checker:
    def __init__(self, data: bytes, type_tag: int, max_depth: int) -> None:
        self._data = data
        self._type_tag = type_tag
        self._max_depth = max_depth

    def item(self, at: int, depth: int) -> int:
        """Check the item that begins at `at`, and return where it ends."""
        major, value, at = self._head(at)
        if major in (_UNSIGNED, _NEGATIVE):
            return at
        if major in (_BYTES, _TEXT):
            return self._skip(at, value)
        if major == _SIMPLE:
            return at
        if depth >= 2 * self._max_depth:  # a tagged pair is two levels here, and one of the object
            raise ValueError(f"items must not be nested deeper than {self._max_depth} levels")
        if major == _TAG:
            return self._tag(at, value, depth + 1)
        if value > len(self._data) - at:
            raise ValueError(f"the bytes end within a container of {value}")
        if major == _MAP:
            return self._map(at, value, depth + 1)
        for _ in range(value):
            at = self.item(at, depth + 1)
        return at

    def _head(self, at: int) -> tuple[int, int, int]:
        """Return the major type of an item, its value or length, and where the rest of it begins."""
        if at >= len(self._data):
            raise ValueError("the bytes end too early")
        major, info = divmod(self._data[at], 32)
        if major == _SIMPLE:
            if info in _PLAIN_SIMPLE:
                return major, 0, at + 1
            if info in _FLOATS:
                return major, 0, self._skip(at + 1, 1 << info - 24)
            raise ValueError(f"a simple value must be false, true, null or a number, got: {info}")
        if info < 24:
            return major, info, at + 1
        if info > 27:
            raise ValueError(f"the length of an item must be definite, got: {info}")
        end = self._skip(at + 1, 1 << info - 24)
        return major, int.from_bytes(self._data[at + 1 : end], "big"), end

    def _skip(self, at: int, length: int) -> int:
        if length > len(self._data) - at:
            raise ValueError(f"the bytes end within an item of {length}")
        return at + length

    def _tag(self, at: int, number: int, depth: int) -> int:
        if number in _BIGNUM_TAGS:
            major, length, at = self._head(at)
            if major != _BYTES:
                raise ValueError("a big number must consist of bytes")
            return self._skip(at, length)
        if number != self._type_tag:
            raise ValueError(f"a tag must be one that rota writes, got: {number}")
        return self.item(at, depth)

    def _map(self, at: int, count: int, depth: int) -> int:
        keys = set()
        for _ in range(count):
            major, length, start = self._head(at)
            if major != _TEXT:
                raise ValueError("a key must be a text")
            end = self._skip(start, length)
            key = self._data[start:end]
            if key in keys:
                raise ValueError("a map has the same key twice")
            keys.add(key)
            at = self.item(end, depth)
        return at
