"""`rota run`."""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["command"]


@click.command("run")
@click.argument("target", metavar="MODULE:SCHEDULER")
@click.option(
    "-v", "--verbose", count=True, help="Log what is done (-v), and every decision (-vv)."
)
def command(target: str, verbose: int) -> None:
    """Run the scheduler of a program until it is stopped, by SIGTERM or Ctrl-C for example.

    MODULE is imported from the current directory or from what is installed. SCHEDULER names a Scheduler, an
    AsyncScheduler, or a function without parameters that returns one.
    """
    logging.basicConfig(
        level=(logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)],
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    from rota import AsyncScheduler, Scheduler

    scheduler = _find(target)
    if callable(scheduler) and not isinstance(scheduler, Scheduler | AsyncScheduler):
        scheduler = _made_by(scheduler, target)
    if isinstance(scheduler, Scheduler):
        with scheduler:
            scheduler.run_until_stopped()
    elif isinstance(scheduler, AsyncScheduler):
        import anyio

        anyio.run(scheduler.run_until_stopped)
    else:
        raise click.BadParameter(f"{target} is not a scheduler: {scheduler!r}")


def _made_by(factory: Callable[..., object], target: str) -> object:
    """Call the function of a program that makes the scheduler; what it raises is told in one line."""
    try:
        return factory()
    except Exception as error:
        logging.getLogger("rota.cli").info("the function failed", exc_info=error)
        raise click.ClickException(f"{target} made no scheduler: {error!r}") from error


def _find(target: str) -> object:
    module_name, _, name = target.partition(":")
    if not module_name or not name:
        raise click.BadParameter(f"expected MODULE:SCHEDULER, got: {target}")
    sys.path.insert(0, os.getcwd())
    try:
        found: object = import_module(module_name)
    except Exception as error:
        logging.getLogger("rota.cli").info("the import failed", exc_info=error)
        raise click.ClickException(f"cannot import {module_name}: {error!r}") from error
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise click.ClickException(f"{module_name} has no {name}") from None
    return found
