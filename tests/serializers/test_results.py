"""What jobs raise and return is stored whatever it is, and read without importing anything."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from rota.model import (
    ConflictingIdError,
    DeserializationError,
    JobCancelled,
    JobOutcome,
    JobResult,
    JobTimedOut,
    RemoteJobError,
    RotaError,
    SerializationError,
    TaskLookupError,
)
from rota.serializers import SerializedResult, deserialize_result, serialize_result
from rota.serializers.pickle import PickleSerializer
from tests.serializers.conftest import KEY

if TYPE_CHECKING:
    from rota.abc import Serializer

NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)


class UnreadableError(Exception):
    """Can be pickled, and not be unpickled: its constructor wants another argument."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


class UnwritableError(Exception):
    """Holds what cannot be pickled."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.lock = threading.Lock()


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __reduce__(self) -> Any:
        raise RuntimeError("no pickle")


def raised(exception: BaseException) -> BaseException:
    """Return `exception` with a traceback."""
    try:
        raise exception
    except BaseException as exc:  # noqa: BLE001
        return exc


def result(*, exception: BaseException | None = None, return_value: Any = None) -> JobResult:
    return JobResult(
        job_id=UUID(int=1),
        outcome=JobOutcome.error if exception else JobOutcome.success,
        finished_at=NOW,
        expires_at=NOW,
        exception=exception,
        return_value=return_value,
    )


def stored(serializer: Serializer, job_result: JobResult) -> tuple[BaseException | None, Any]:
    return deserialize_result(serializer, serialize_result(serializer, job_result))


class TestExceptions:
    @pytest.mark.parametrize(
        "exception",
        [
            ValueError("wrong", 5),
            KeyError("key"),
            OSError(2, "No such file"),
            ZeroDivisionError(),
            RuntimeError("x" * 1_000_000),
        ],
        ids=lambda exception: type(exception).__name__,
    )
    def test_builtin_one_comes_back(self, serializer: Serializer, exception: Exception) -> None:
        back = serializer.deserialize(serializer.serialize(raised(exception)))
        assert type(back) is type(exception)
        assert str(back)[:32_768] == str(exception)[:32_768]

    @pytest.mark.parametrize(
        "exception",
        [
            TaskLookupError("a"),
            ConflictingIdError("b"),
            JobCancelled(UUID(int=3)),
            JobTimedOut("too long"),
            RotaError(),
        ],
        ids=lambda exception: type(exception).__name__,
    )
    def test_own_one_comes_back(self, serializer: Serializer, exception: RotaError) -> None:
        back = serializer.deserialize(serializer.serialize(exception))
        assert type(back) is type(exception)
        assert str(back) == str(exception)
        assert vars(back) == vars(exception)

    def test_unknown_one_comes_back_as_a_description(self, strict: Serializer) -> None:
        back = strict.deserialize(strict.serialize(raised(UnreadableError("this", "that"))))
        assert isinstance(back, RemoteJobError)
        assert back.type_name == f"{__name__}.UnreadableError"
        assert back.message == "this and that"
        assert "in raised\n    raise exception" in back.traceback
        assert str(back).startswith(f"{__name__}.UnreadableError: this and that\n\nTraceback")

    def test_builtin_one_shows_where_it_was_raised(self, strict: Serializer) -> None:
        back = strict.deserialize(strict.serialize(raised(ValueError("wrong"))))
        assert isinstance(back.__cause__, RemoteJobError)
        assert "in raised\n    raise exception" in back.__cause__.traceback

    def test_description_stays_as_it_is(self, serializer: Serializer) -> None:
        """However often a result is stored again."""
        description = RemoteJobError("m.E", "message", "traceback")
        back = serializer.deserialize(serializer.serialize(description))
        assert back.args == description.args
        assert vars(back) == vars(description)

    def test_builtin_one_of_many_arguments_comes_back_as_a_description(
        self, strict: Serializer
    ) -> None:
        back = strict.deserialize(
            strict.serialize(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"))
        )
        assert isinstance(back, RemoteJobError)
        assert back.type_name == "UnicodeDecodeError"
        assert back.message == "'utf-8' codec can't decode byte 0xff in position 0: bad"

    @pytest.mark.parametrize(
        "exception",
        [UnreadableError("this", "that"), UnwritableError("message"), MuteError()],
        ids=lambda exception: type(exception).__name__,
    )
    def test_one_that_cannot_be_stored_is_described(
        self, serializer: Serializer, exception: Exception
    ) -> None:
        back, value = stored(serializer, result(exception=raised(exception)))
        assert isinstance(back, RemoteJobError)
        assert back.type_name == f"{__name__}.{type(exception).__name__}"
        assert value is None

    def test_too_large_one_is_described(self) -> None:
        serializer = PickleSerializer(max_size=20_000)
        back, _ = stored(serializer, result(exception=RuntimeError("x" * 1_000_000)))
        assert isinstance(back, RemoteJobError)
        assert (back.type_name, back.message) == ("RuntimeError", "x" * 4_096)

    def test_what_is_no_exception_is_an_error(self, serializer: Serializer) -> None:
        serialized = SerializedResult(serializer.serialize("text", context=b":exception"), None)
        back, _ = deserialize_result(serializer, serialized)
        assert isinstance(back, DeserializationError)
        assert str(back) == "the bytes hold no exception, got: str"


class TestReturnValues:
    def test_value_comes_back(self, serializer: Serializer) -> None:
        assert stored(serializer, result(return_value={"a": (1, 2)})) == (None, {"a": (1, 2)})

    def test_nothing_takes_no_space(self, serializer: Serializer) -> None:
        assert serialize_result(serializer, result()) == SerializedResult(None, None)
        assert stored(serializer, result()) == (None, None)

    @pytest.mark.parametrize("value", [lambda: None, threading.Lock()], ids=["lambda", "lock"])
    def test_value_that_cannot_be_stored_becomes_an_error(
        self, serializer: Serializer, value: object
    ) -> None:
        back, returned = stored(serializer, result(return_value=value))
        assert isinstance(back, SerializationError)
        assert str(back).startswith("the return value of the job cannot be stored: cannot ")
        assert returned is None

    def test_value_that_cannot_be_read_becomes_an_error(self, serializer: Serializer) -> None:
        back, returned = deserialize_result(serializer, SerializedResult(None, b"garbage"))
        assert isinstance(back, DeserializationError)
        assert returned is None


def test_parts_of_signed_results_cannot_be_exchanged() -> None:
    serializer = PickleSerializer(signing_key=KEY)
    serialized = serialize_result(
        serializer, result(return_value=ValueError("a")), context=b"row 1"
    )
    assert deserialize_result(serializer, serialized, context=b"row 1")[0] is None
    exchanged = SerializedResult(serialized.return_value, None)
    for row, forged in ((b"row 1", exchanged), (b"row 2", serialized)):
        back, _ = deserialize_result(serializer, forged, context=row)
        assert "moved from another place" in str(back)
