"""Values that are made without an initializer are what it would have made."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from datetime import datetime, timezone
from uuid import UUID

import attrs
import pytest
from attrs.exceptions import FrozenInstanceError

from rota import IntervalTrigger
from rota._making import uuid_of
from rota.model import Job
from rota.model._copies import copier, maker

NOW = datetime(2026, 3, 29, tzinfo=timezone.utc)
JOB = Job(id=UUID(int=1), task_id="task", executor="async", created_at=NOW)

with_token = copier(Job, "token")
new_job = maker(Job, "id", "task_id", "executor", "created_at")


def test_copy_differs_in_what_was_given() -> None:
    assert with_token(JOB, 7) == attrs.evolve(JOB, token=7)
    assert JOB.token == 0


def test_made_value_has_the_defaults() -> None:
    made = new_job(UUID(int=1), "task", "async", NOW)
    assert made == JOB
    assert made.kwargs is not new_job(UUID(int=1), "task", "async", NOW).kwargs


@pytest.mark.parametrize("made", [with_token(JOB, 7), new_job(UUID(int=1), "task", "async", NOW)])
def test_made_value_is_one_of_its_class(made: Job) -> None:
    assert type(made) is Job
    with pytest.raises(FrozenInstanceError):
        made.token = 8  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del made.token
    assert pickle.loads(pickle.dumps(made)) == made
    assert copy.copy(made) == made


def test_made_value_is_let_go() -> None:
    made = with_token(JOB, 7)
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None


def test_copied_trigger_cannot_be_changed_either() -> None:
    trigger = IntervalTrigger(seconds=1, start_time=NOW).copy()
    assert type(trigger) is IntervalTrigger
    with pytest.raises(attrs.exceptions.FrozenAttributeError):
        trigger.seconds = 2


@pytest.mark.parametrize("number", [0, 1, 0x0123456789ABCDEF0123456789ABCDEF, (1 << 128) - 1])
def test_uuid_of_a_number_is_the_usual_one(number: int) -> None:
    made, usual = uuid_of(number), UUID(int=number)
    assert type(made) is UUID
    assert (made, hash(made), str(made), made.is_safe) == (
        usual,
        hash(usual),
        str(usual),
        usual.is_safe,
    )
    assert pickle.dumps(made) == pickle.dumps(usual)
    with pytest.raises(TypeError, match="immutable"):
        made.int = 5  # type: ignore[misc]
