"""Whether something that was written for a narrower interface takes what rota gives it."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["accepts"]


def accepts(function: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    """Tell whether a function could be called with these arguments, as far as its signature says."""
    try:
        signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    except ValueError:  # it has no signature
        return True
    return True
