"""Each error is a `RotaError` and the builtin that it resembles, and survives being pickled."""

from __future__ import annotations

import copy
import pickle
from uuid import UUID

import pytest

from rota import model
from rota.model import (
    CallableLookupError,
    ConflictingIdError,
    DeserializationError,
    JobAbandoned,
    JobCancelled,
    JobDeadlineMissed,
    JobExecutorLookupError,
    JobLookupError,
    JobResultNotReady,
    JobTimedOut,
    MaxIterationsReached,
    RemoteJobError,
    RotaError,
    ScheduleLookupError,
    SerializationError,
    TaskLookupError,
)

ID = UUID(int=1)
ERRORS: list[tuple[RotaError, type[Exception], str]] = [
    (TaskLookupError("a"), LookupError, "no task with the id 'a'"),
    (ScheduleLookupError("a"), LookupError, "no schedule with the id 'a'"),
    (JobLookupError(ID), LookupError, f"no unfinished job and no kept result with the id {ID}"),
    (CallableLookupError("no such callable"), LookupError, "no such callable"),
    (
        JobExecutorLookupError("gpu", ["async", "threadpool"]),
        LookupError,
        "no job executor by the name of 'gpu'; there are: async, threadpool",
    ),
    (JobResultNotReady(ID), RotaError, f"job {ID} has not finished"),
    (JobCancelled(ID), RotaError, f"job {ID} was cancelled"),
    (JobDeadlineMissed(ID), RotaError, f"job {ID} missed its start deadline"),
    (JobAbandoned(ID), RotaError, f"job {ID} was abandoned by its worker"),
    (JobTimedOut("too long"), TimeoutError, "too long"),
    (ConflictingIdError("a"), KeyError, "a schedule with the id 'a' exists already"),
    (SerializationError("text"), ValueError, "text"),
    (DeserializationError("text"), ValueError, "text"),
    (MaxIterationsReached("text"), RuntimeError, "text"),
    (RemoteJobError("ValueError", "wrong"), RotaError, "ValueError: wrong"),
    (RemoteJobError("m.E", "wrong", "Traceback"), RotaError, "m.E: wrong\n\nTraceback"),
]
each_error = pytest.mark.parametrize(
    ("error", "base", "text"), ERRORS, ids=lambda value: type(value).__name__
)


def test_none_is_forgotten() -> None:
    classes = {
        cls for cls in vars(model).values() if isinstance(cls, type) and issubclass(cls, RotaError)
    }
    assert {type(error) for error, _, _ in ERRORS} == classes - {RotaError}


@each_error
def test_error_has_its_text_and_base(error: RotaError, base: type[Exception], text: str) -> None:
    assert isinstance(error, RotaError)
    assert isinstance(error, base)
    assert str(error) == text


@each_error
@pytest.mark.parametrize("through", ["pickle", "copy"])
def test_copy_says_the_same(
    error: RotaError, base: type[Exception], text: str, through: str
) -> None:
    back = pickle.loads(pickle.dumps(error)) if through == "pickle" else copy.copy(error)
    assert type(back) is type(error)
    assert str(back) == text
    assert vars(back) == vars(error)
