"""What becomes of errors: one line on standard error, and a status that is not zero."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["refused_as", "run"]

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130

#: what brings the modules that may be missing
EXTRAS = {
    "aiosqlite": "sqlite",
    "asyncmy": "mariadb",
    "asyncpg": "postgresql",
    "cbor2": "cbor",
    "psycopg": "psycopg",
    "rich": "cli",
    "sqlalchemy": "sqlite",
}
DRIVERS = ("sqlalchemy", "sqlite3", "asyncpg", "psycopg", "asyncmy", "pymysql")


def run(app: Callable[[], object]) -> int:
    """Run the command line and return its status. Only what is a flaw of rota is raised."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # they are text files
    try:
        _require_text(sys.argv[1:])
        status = app()
    except click.UsageError as error:
        return _fail(MISUSED, _usage(error))
    except click.ClickException as error:
        return _fail(error.exit_code, error.format_message())
    except click.Abort:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        text = _told(error)
        if text is None:
            raise
        return _fail(FAILED, text)
    return status if isinstance(status, int) else DONE


@contextmanager
def refused_as(parameter: str) -> Iterator[None]:
    """Tell of what a trigger refuses as a wrong value of an option or an argument."""
    from rota.model import RotaError

    try:
        yield
    except (RotaError, OverflowError) as error:
        raise click.BadParameter(str(error), param_hint=parameter) from None


def _fail(status: int, message: str) -> int:
    click.echo(f"rota: {' '.join(message.split())}", err=True)
    return status


def _require_text(arguments: list[str]) -> None:
    for argument in arguments:
        if not argument.isascii() and any("\ud800" <= char <= "\udfff" for char in argument):
            raise click.UsageError(f"arguments must be text, got: {argument!a}")


def _usage(error: click.UsageError) -> str:
    """Say what is wrong with the command line in rota's manner, and where help is."""
    text = error.format_message().rstrip(".")
    if text[1:2].islower():
        text = text[0].lower() + text[1:]
    return text if error.ctx is None else f"{text}; see: {error.ctx.command_path} --help"


def _told(error: Exception) -> str | None:
    """Return what to say of an error that is about what was asked for; `None` for a flaw of rota."""
    from asyncio import TimeoutError as AsyncioTimeoutError  # another one before Python 3.11

    from rota.model import RotaError

    if isinstance(error, ModuleNotFoundError) and error.name in EXTRAS:
        return f"this needs more packages: pip install 'rota[{EXTRAS[error.name]}]' ({error})"
    if isinstance(error, TypeError) and "connect() got an unexpected keyword argument" in str(
        error
    ):
        return f"the driver does not know an option of the URL: {error}"
    package = type(error).__module__.partition(".")[0]
    expected = (RotaError, OSError, OverflowError, ImportError, AsyncioTimeoutError)
    if not isinstance(error, expected) and package not in DRIVERS:
        return None
    text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return text.splitlines()[0]
