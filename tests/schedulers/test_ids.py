"""Ids that are made where none is given."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING
from uuid import RFC_4122

import pytest

from rota._environment import _growing_ids, new_id

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue


def test_ids_are_of_version_7_and_grow() -> None:
    ids = [new_id() for _ in range(20_000)]

    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {(each.version, each.variant) for each in ids} == {(7, RFC_4122)}


def test_ids_of_threads_are_all_different() -> None:
    def make(_: int) -> list[int]:
        return [new_id().int for _ in range(2_000)]

    with ThreadPoolExecutor(8) as pool:
        made = [each for part in pool.map(make, range(8)) for each in part]

    assert len(set(made)) == len(made)


def _ids_of_fork(results: SimpleQueue[list[int]]) -> None:
    results.put([new_id().int for _ in range(500)])


def test_ids_of_forked_processes_are_all_different(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after the clock was set back, when the ids that were made last are counted up from."""
    monkeypatch.setattr(_growing_ids, "_last", _growing_ids._last << 1)
    new_id()
    context = get_context("fork")
    results: SimpleQueue[list[int]] = context.SimpleQueue()
    forks = [context.Process(target=_ids_of_fork, args=[results]) for _ in range(3)]
    for each in forks:
        each.start()
    made = [each for _ in forks for each in results.get()]
    made += [new_id().int for _ in range(500)]
    for each in forks:
        each.join()

    assert len(set(made)) == len(made) == 2_000
