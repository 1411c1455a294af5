"""The commands."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from rota.cli._errors import run as run_safely
from rota.cli._group import Group

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


class _Commands(Group):
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

    For completion in bash put this into ~/.bashrc (zsh_source and fish_source are for zsh and fish):

        eval "$(_ROTA_COMPLETE=bash_source rota)"
    """


def run() -> None:
    """Run the command line and end the process with its status."""
    sys.exit(run_safely(lambda: app.main(prog_name="rota", standalone_mode=False)))
