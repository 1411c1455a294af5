from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rota.serializers.cbor import CBORSerializer
from rota.serializers.json import JSONSerializer
from rota.serializers.pickle import PickleSerializer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rota.abc import Serializer

KEY = b"0123456789abcdef0123456789abcdef"

STRICT: dict[str, Callable[[], Serializer]] = {"json": JSONSerializer, "cbor": CBORSerializer}
ALL: dict[str, Callable[[], Serializer]] = {
    **STRICT,
    "pickle": PickleSerializer,
    "signed-pickle": lambda: PickleSerializer(signing_key=KEY),
}


@pytest.fixture(params=ALL)
def serializer(request: pytest.FixtureRequest) -> Serializer:
    return ALL[request.param]()


@pytest.fixture(params=STRICT)
def strict(request: pytest.FixtureRequest) -> Serializer:
    """A serializer that rebuilds registered classes only."""
    return STRICT[request.param]()
