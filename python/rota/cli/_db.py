"""`rota db`."""

from __future__ import annotations

import click

from rota.cli._group import Group
from rota.cli._output import as_json_option, print_details, print_json
from rota.cli._store import StoreOptions, on_store, open_store, require_file, run_async

__all__ = ["command"]


@click.group("db", cls=Group)
def command() -> None:
    """Show and upgrade the tables of a data store."""


@command.command("show")
@on_store
@as_json_option
@run_async
async def show_version(store: StoreOptions, as_json: bool) -> None:
    """Show the version of the tables, and the one that this rota works with."""
    from rota.datastores.sql.schema import VERSION

    data_store = open_store(store)
    await require_file(store.url)
    stored = await data_store.schema_version()
    state = (
        "no tables"
        if stored is None
        else "current"
        if stored == VERSION
        else "to be upgraded"
        if stored < VERSION
        else "newer than this rota"
    )
    details = {"stored_version": stored, "this_version": VERSION, "state": state}
    (print_json if as_json else print_details)(details)


@command.command("upgrade")
@on_store
@as_json_option
@run_async
async def upgrade(store: StoreOptions, as_json: bool) -> None:
    """Make the tables, or bring them to the version that this rota works with."""
    data_store = open_store(store)
    before = await data_store.schema_version()
    await data_store.upgrade()
    after = await data_store.schema_version()
    if as_json:
        print_json({"stored_version": after, "previous_version": before})
        return
    was = "there were none" if before is None else f"they had version {before}"
    click.echo(f"the tables have version {after}; {was}")
