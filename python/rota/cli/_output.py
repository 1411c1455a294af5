"""What commands print: a table where somebody looks at it, or JSON where a program reads it."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["as_json_option", "plain", "print_details", "print_done", "print_json", "print_table"]

NARROWEST = 100

as_json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead of a table."
)


def plain(value: object) -> Any:
    """Return a value as JSON can have it."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Enum():
            return value.name
        case UUID():
            return str(value)
        case dict():
            return {str(key): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case set() | frozenset():
            return sorted(map(str, value))
    return repr(value)


def print_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_done(what: str, id_: str, values: Mapping[str, object] | None) -> None:
    """Say that something was done, as JSON if there are values for that."""
    if values is None:
        click.echo(f"{what} {_text(id_)}")
    else:
        print_json(values)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print a table: with lines and colours on a terminal, else with tabs between the columns."""
    rows = list(rows)
    if not sys.stdout.isatty():
        click.echo("\t".join(columns))
        for row in rows:
            click.echo("\t".join(_text(value) for value in row))
        return
    if not rows:
        click.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, header_style="bold")
    for row in rows:
        table.add_row(*map(_text, row))
    Console().print(table, markup=False)


def print_details(values: Mapping[str, object]) -> None:
    """Print names and values, one on a line."""
    width = max(map(len, values))
    for name, value in values.items():
        click.echo(f"{name:<{width}}  {_text(value)}")


def _text(value: object) -> str:
    """Return a value on one line, without what could move the cursor."""
    match value:
        case None:
            text = "-"
        case datetime():
            text = value.isoformat(sep=" ", timespec="seconds")
        case str():
            text = value
        case bool():
            text = "yes" if value else "no"
        case _:
            known = plain(value)
            text = known if isinstance(known, str) else json.dumps(known, ensure_ascii=False)
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
