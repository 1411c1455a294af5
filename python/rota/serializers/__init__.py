"""Serializers: objects as bytes, for data stores and event brokers.

JSON and CBOR rebuild registered classes only; pickle rebuilds anything, and can be told to accept signed bytes only.
"""

from rota.serializers._registry import (
    ClassRegistry as ClassRegistry,
    default_registry as default_registry,
    register_class as register_class,
)
from rota.serializers._results import (
    SerializedResult as SerializedResult,
    deserialize_result as deserialize_result,
    serialize_result as serialize_result,
)
