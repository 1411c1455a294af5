"""Exceptions as data: the name of the type, the message, the traceback as text. Nothing is imported to rebuild them."""

from __future__ import annotations

import builtins
from typing import Any

from rota import model
from rota.model import RemoteJobError, RotaError
from rota.model._failure import describe

__all__ = ["from_state", "to_state"]

MAX_TEXT = 32_768  #: characters that are kept of a message, and of a traceback
_ATOMS = (type(None), bool, int, float, str)
_OWN = {
    f"rota:{name}": cls
    for name, cls in vars(model).items()
    if isinstance(cls, type) and issubclass(cls, RotaError)
}


def to_state(exception: BaseException) -> list[Any]:
    """Return an exception as `[type name, message, traceback, arguments or None, attributes or None]`.

    Arguments are those that the constructor takes, for builtin exceptions and rota's own.
    """
    name, message, traceback = describe(exception, MAX_TEXT)
    if isinstance(exception, RemoteJobError):
        return [exception.type_name, exception.message, exception.traceback, None, None]
    cls = type(exception)
    own = _OWN.get(f"rota:{cls.__name__}") is cls
    args: list[Any] | None = None
    if (own or cls.__module__ == "builtins") and _are_atoms(exception.args):
        args = list(exception.args)
    return [
        f"rota:{cls.__name__}" if own else name,
        message,
        traceback,
        args,
        vars(exception) if own else None,
    ]


def from_state(state: Any) -> BaseException:
    """Rebuild a builtin exception or one of rota's own; any other comes back as a `RemoteJobError`."""
    name, message, traceback, args, attributes = state
    if not (isinstance(name, str) and isinstance(message, str) and isinstance(traceback, str)):
        raise TypeError(f"a stored exception must consist of texts, got: {type(name).__name__}")
    remote = RemoteJobError(name, message, traceback)
    exception = _rebuild(name, [message] if args is None else args, attributes)
    if exception is None:
        return remote
    if traceback:
        exception.__cause__ = remote
    return exception


def _rebuild(name: str, args: list[Any], attributes: dict[str, Any] | None) -> Exception | None:
    own = _OWN.get(name)
    if own is not None:
        return own.restore(tuple(args), attributes or {})
    cls = getattr(builtins, name, None)
    if not (isinstance(cls, type) and issubclass(cls, Exception)):
        return None
    try:
        return cls(*args)
    except Exception:  # noqa: BLE001 - a constructor that wants something else
        return None


def _are_atoms(args: tuple[Any, ...]) -> bool:
    texts = sum(len(arg) for arg in args if isinstance(arg, str))
    return texts <= MAX_TEXT and all(type(arg) in _ATOMS for arg in args)
