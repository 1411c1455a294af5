"""What can be said of an exception without having its class."""

from __future__ import annotations

from traceback import format_exception
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["describe", "in_short", "text_of", "traceback_text"]


def text_of(exception: BaseException) -> str:
    """Return the text of an exception, whatever its `__str__` does."""
    try:
        return str(exception)
    except KeyboardInterrupt:
        raise
    except BaseException as unreadable:  # noqa: BLE001 - a user's __str__ may raise anything
        return f"<its text cannot be had: {type(unreadable).__name__}>"


def in_short(exception: BaseException) -> str:
    """Return the name of the class of an exception, and its text, whatever its `__str__` does."""
    return f"{type(exception).__qualname__}: {text_of(exception)}"


def traceback_text(exception: BaseException, frames: TracebackType | None) -> str:
    """Return the text of a traceback, whatever the `__str__` of the exception does."""
    try:
        return "".join(format_exception(type(exception), exception, frames))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - a user's __str__ may raise anything
        return in_short(exception)


def describe(exception: BaseException, limit: int) -> tuple[str, str, str]:
    """Return the name of the exception's type, its message and its traceback, the texts cut to `limit` characters.

    The name is that of the class for a builtin exception, `module.qualified.name` for any other.
    """
    kind = type(exception)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    traceback = traceback_text(exception, exception.__traceback__)
    return name, text_of(exception)[:limit], traceback[-limit:]
