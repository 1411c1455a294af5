"""What can be said of an exception without having its class."""

from __future__ import annotations

from traceback import format_exception

__all__ = ["describe", "text_of"]


def text_of(exception: BaseException) -> str:
    """Return the text of an exception, whatever its `__str__` does."""
    try:
        return str(exception)
    except KeyboardInterrupt:
        raise
    except BaseException as unreadable:  # noqa: BLE001 - a user's __str__ may raise anything
        return f"<its text cannot be had: {type(unreadable).__name__}>"


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
    message = text_of(exception)[:limit]
    try:
        traceback = "".join(format_exception(kind, exception, exception.__traceback__))[-limit:]
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - a user's __str__ may raise anything
        traceback = message
    return name, message, traceback
