"""The result of a job as bytes, whatever it raised or returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from rota.model import DeserializationError, RemoteJobError, SerializationError
from rota.model._failure import describe

if TYPE_CHECKING:
    from rota.abc import Serializer
    from rota.model import JobResult

__all__ = ["SerializedResult", "deserialize_result", "serialize_result"]

_MAX_TEXT = 4_096
_EXCEPTION = b":exception"
_RETURN_VALUE = b":return_value"


@frozen
class SerializedResult:
    """What a data store keeps of a result; `None` where there is nothing."""

    exception: bytes | None
    return_value: bytes | None


def serialize_result(
    serializer: Serializer, result: JobResult, *, context: bytes = b""
) -> SerializedResult:
    """Serialize what a job raised or returned.

    An exception that cannot be stored, or not be read again, is stored as a `RemoteJobError` that describes it.
    In place of a return value that cannot be stored, a `SerializationError` is stored as the exception; the outcome of
    the job stays what it is.

    :param context: where the result is stored
    """
    exception = result.exception
    return_value = None
    if result.return_value is not None:
        try:
            return_value = serializer.serialize(
                result.return_value, context=context + _RETURN_VALUE
            )
        except SerializationError as exc:
            exception = SerializationError(f"the return value of the job cannot be stored: {exc}")
    if exception is None:
        return SerializedResult(None, return_value)
    return SerializedResult(
        _serialize_exception(serializer, exception, context + _EXCEPTION), return_value
    )


def _serialize_exception(serializer: Serializer, exception: BaseException, context: bytes) -> bytes:
    try:
        serialized = serializer.serialize(exception, context=context)
        # Some exceptions can be written but not be read: their constructors want other arguments.
        serializer.deserialize(serialized, context=context)
    except (SerializationError, DeserializationError):
        description = RemoteJobError(*describe(exception, _MAX_TEXT))
        return serializer.serialize(description, context=context)
    return serialized


def deserialize_result(
    serializer: Serializer, serialized: SerializedResult, *, context: bytes = b""
) -> tuple[BaseException | None, Any]:
    """Return the exception and the return value. If one cannot be read, the exception is a `DeserializationError`."""
    exception: BaseException | None = None
    return_value = None
    try:
        if serialized.exception is not None:
            exception = _as_exception(
                serializer.deserialize(serialized.exception, context=context + _EXCEPTION)
            )
        if serialized.return_value is not None:
            return_value = serializer.deserialize(
                serialized.return_value, context=context + _RETURN_VALUE
            )
    except DeserializationError as exc:
        return exc, None
    return exception, return_value


def _as_exception(obj: object) -> BaseException:
    if isinstance(obj, BaseException):
        return obj
    raise DeserializationError(f"the bytes hold no exception, got: {type(obj).__name__}")
