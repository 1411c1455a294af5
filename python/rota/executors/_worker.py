"""A worker process: it reads calls from its standard input, one after the other, and answers on its standard output.

A message is a length of eight bytes, then a pickle: a function with its arguments, or a value and an exception.
"""

from __future__ import annotations

import io
import os
import pickle
import runpy
import signal
import sys
import threading
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

from rota.executors._coroutines import no_coroutine
from rota.model._failure import in_short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["LENGTH_BYTES", "main", "require_own_program"]

LENGTH_BYTES = 8
PARENT_SECONDS = 0.5  #: how often it looks whether the process that started it is still there
MAX_TEXT = 4_096  #: characters of the text of an exception that cannot be pickled

_program_is_read = False  # of which nothing may start a scheduler meanwhile


def require_own_program() -> None:
    """Refuse to start a scheduler where the program is only read again for a job that is defined in it.

    :raises RuntimeError: if it is
    """
    if _program_is_read:
        raise RuntimeError(
            "this process runs a job that is defined in the main module, and reads that again: put the code that "
            'starts the scheduler under `if __name__ == "__main__":`'
        )


def main(main_name: str | None, main_path: str | None) -> None:
    """Answer calls until there are no more, or until the process that started this one is gone.

    :param main_name: the module that this process was started as, if it was one
    :param main_path: the script that it was started as
    """
    _stay_until_told()
    requests, answers = _take_pipes()
    load = _Main(main_name, main_path)
    while header := requests.read(LENGTH_BYTES):
        request = requests.read(int.from_bytes(header, "big"))
        answer = _answer(request, load)
        answers.write(len(answer).to_bytes(LENGTH_BYTES, "big") + answer)
        answers.flush()


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes from jobs and from what they start: these read nothing, and print to standard error."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _stay_until_told() -> None:
    """Leave it to the process that started this one when it is to end: it kills it, or ends itself.

    A terminal and systemd send SIGINT and SIGTERM to all processes of a program.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        # Unlike SIG_IGN, a function is not passed on to the programs that a job may start.
        signal.signal(number, _stay)
    if sys.platform != "win32":
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _stay(_number: int, _frame: object) -> None:
    """Do nothing."""


def _end_with(parent: int) -> None:
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(PARENT_SECONDS)
    os._exit(1)


@contextmanager
def _reading_program() -> Iterator[None]:
    global _program_is_read
    _program_is_read = True
    try:
        yield
    finally:
        _program_is_read = False


class _Main:
    """The main module of the program, which is run again, by the name of `__mp_main__`, if a job needs it."""

    def __init__(self, name: str | None, path: str | None) -> None:
        self._name = name
        self._path = path
        self._loaded = False

    def load(self) -> None:
        if self._loaded:
            return
        with _reading_program():
            if self._name is not None:
                names = runpy.run_module(self._name, run_name="__mp_main__", alter_sys=True)
            elif self._path is not None:
                names = runpy.run_path(self._path, run_name="__mp_main__")
            else:
                return
        self._loaded = True
        module = ModuleType("__mp_main__")
        module.__dict__.update(names)
        sys.modules["__main__"] = sys.modules["__mp_main__"] = module


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, main: _Main) -> None:
        super().__init__(io.BytesIO(data))
        self._main = main

    def find_class(self, module: str, name: str) -> Any:
        if module == "__main__":
            self._main.load()
        return super().find_class(module, name)


def _answer(request: bytes, main: _Main) -> bytes:
    process = os.getpid()
    try:
        func, args, kwargs = _Unpickler(request, main).load()
        value, error = _call(func, args, kwargs)
        answer = pickle.dumps((value, error), pickle.HIGHEST_PROTOCOL)
    except BaseException as exc:  # noqa: BLE001 - arguments and values may raise anything when they are pickled
        answer = pickle.dumps((None, _picklable(exc)), pickle.HIGHEST_PROTOCOL)
    if os.getpid() != process:  # the job forked, and this is not the process that was asked
        os._exit(0)
    if sys.stdout is not None:
        sys.stdout.flush()
    return answer


def _call(
    func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Any, BaseException | None]:
    try:
        return no_coroutine(
            func(*args, **kwargs), getattr(func, "__qualname__", "the callable")
        ), None
    except BaseException as exc:  # noqa: BLE001 - SystemExit must not end the worker process
        return None, _picklable(exc)


def _picklable(exc: BaseException) -> BaseException:
    try:
        pickle.loads(pickle.dumps(exc))
    except BaseException:  # noqa: BLE001 - a user's class may raise anything here
        return RuntimeError(in_short(exc)[:MAX_TEXT])
    return exc
