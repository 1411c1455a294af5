"""The commands, and what becomes of errors: one line on standard error, and a status that is not zero."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

__all__ = ["app", "run"]

#: Each command, and what `rota --help` says of it; the module `_<name>`, with `_` for `-`, has it as `command`.
COMMANDS = {
    "next": "Show when a cron expression fires, in words and in times.",
    "run": "Run the scheduler of a program until it is stopped.",
    "schedules": "List, show, pause, resume, remove and run schedules.",
    "jobs": "List, show and cancel jobs that have not ended.",
    "tasks": "List, show, run and remove tasks.",
    "forecast": "Show what will run between two times.",
    "import-apscheduler3": "Take over the jobs of a program that used APScheduler 3.",
    "db": "Show and upgrade the tables of a data store.",
    "doctor": "Look at a data store from outside, and say what is wrong.",
}
FAILED = 1
INTERRUPTED = 130


class _Commands(click.Group):
    """All commands; the module of each is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"rota.cli._{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rota", message="%(package)s %(version)s")
def app() -> None:
    """Look after schedules and jobs, and ask when something will run.

    For completion put this into ~/.bashrc (zsh_source or fish_source for other shells):

        eval "$(_ROTA_COMPLETE=bash_source rota)"
    """


def run() -> None:
    """Run the command line and end the process with its status."""
    try:
        status = app.main(prog_name="rota", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:
        status = INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except Exception as error:
        if not _is_expected(error):
            raise
        click.echo(f"rota: {_first_line(error)}", err=True)
        status = FAILED
    sys.exit(status or 0)


def _is_expected(error: Exception) -> bool:
    """Tell whether an error is about what was asked for, and not a flaw of rota."""
    from rota.model import RotaError

    if isinstance(error, RotaError | OSError | OverflowError):
        return True
    module = type(error).__module__.partition(".")[0]
    return module in ("sqlalchemy", "sqlite3", "asyncpg", "psycopg", "asyncmy", "pymysql")


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return text.splitlines()[0]
