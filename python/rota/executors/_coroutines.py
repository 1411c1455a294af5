"""What executors for plain functions do with coroutine functions."""

from __future__ import annotations

from inspect import iscoroutine
from typing import TypeVar

__all__ = ["no_coroutine"]

T = TypeVar("T")


def no_coroutine(value: T, name: str) -> T:
    """Refuse what a coroutine function returned: nothing of it has been run.

    :param name: what was called
    :raises TypeError: if it is a coroutine
    """
    if iscoroutine(value):
        value.close()
        raise TypeError(
            f"{name} returned a coroutine, which only the executor of coroutine functions runs: "
            "set job_executor to its name, by default 'async'"
        )
    return value
