"""Ids that are made where none is given."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122

from rota._environment import new_id


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
