"""The data store that a command works on, and a scheduler over it that runs nothing."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from rota import AsyncScheduler, Event
    from rota.abc import Serializer
    from rota.datastores.sqlalchemy import SQLAlchemyDataStore

__all__ = ["StoreOptions", "interface", "on_store", "open_store", "require_file", "run_async"]

P = ParamSpec("P")
R = TypeVar("R")

ENDING_SECONDS = 1
ANSWER_SECONDS = 3  #: how long a data store that does not answer is tried


class StoreOptions:
    """Where the data store is, and how what it keeps is to be read."""

    def __init__(
        self,
        url: str,
        schema: str | None,
        table_prefix: str,
        serializer: str,
        key_file: Path | None,
    ) -> None:
        self.url = url
        self.schema = schema
        self.table_prefix = table_prefix
        self.serializer = serializer
        self.key_file = key_file


def on_store(function: Callable[..., Any], *, required: bool = True) -> Callable[..., Any]:
    """Give a command the options of the data store, as its argument `store`; `None` if none need be given, nor is."""

    @click.option(
        "-s",
        "--store",
        "url",
        envvar="ROTA_STORE",
        required=required,
        metavar="URL",
        help="Where the data store is: sqlite:///FILE, postgresql://..., mariadb://... [ROTA_STORE]",
    )
    @click.option("--schema", envvar="ROTA_SCHEMA", help="The schema that the tables are in.")
    @click.option("--table-prefix", envvar="ROTA_TABLE_PREFIX", default="rota_", show_default=True)
    @click.option(
        "--serializer",
        envvar="ROTA_SERIALIZER",
        type=click.Choice(["pickle", "cbor", "json"]),
        default="pickle",
        show_default=True,
        help="What arguments and triggers are stored with. Pickle can run code: use it on what you trust.",
    )
    @click.option(
        "--key-file",
        envvar="ROTA_KEY_FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file with the key that pickles are signed with.",
    )
    @wraps(function)
    def command(
        *args: Any,
        url: str | None,
        schema: str | None,
        table_prefix: str,
        serializer: str,
        key_file: Path | None,
        **kwargs: Any,
    ) -> Any:
        options = (
            None if url is None else StoreOptions(url, schema, table_prefix, serializer, key_file)
        )
        return function(*args, store=options, **kwargs)

    return command


def open_store(options: StoreOptions) -> SQLAlchemyDataStore:
    """Return the data store, not started. It logs nothing: what fails is told when the command ends.

    :raises click.UsageError: if the URL is none
    :raises ModuleNotFoundError: if its driver is not installed
    """
    from sqlalchemy.exc import ArgumentError
    from tenacity import stop_after_delay

    from rota.datastores.sql.outages import RetrySettings
    from rota.datastores.sqlalchemy import SQLAlchemyDataStore

    logging.getLogger("rota").addHandler(logging.NullHandler())
    serializer = _serializer(options)
    try:
        return SQLAlchemyDataStore(
            options.url,
            schema=options.schema,
            table_prefix=options.table_prefix,
            serializer=serializer,
            retry_settings=RetrySettings(stop=stop_after_delay(ANSWER_SECONDS)),
            upgrade=False,
        )
    except (ArgumentError, ValueError) as error:
        raise click.BadParameter(str(error).splitlines()[0], param_hint="--store") from None


@asynccontextmanager
async def interface(
    options: StoreOptions, unreadable: list[Event] | None = None
) -> AsyncIterator[AsyncScheduler]:
    """Provide a scheduler on a data store that is there; it is never started.

    What cannot be read is reported on standard error; if that is what was asked for, it is the error.

    :param unreadable: a list to which what cannot be read is added
    :raises click.ClickException: if there are no tables
    """
    from rota import (
        AsyncScheduler,
        JobDeserializationFailed,
        JobLookupError,
        LocalEventBroker,
        ScheduleDeserializationFailed,
        ScheduleLookupError,
    )

    await require_tables(options)
    unreadable = [] if unreadable is None else unreadable
    broker = LocalEventBroker()
    broker.subscribe_inline(
        unreadable.append, (ScheduleDeserializationFailed, JobDeserializationFailed)
    )
    try:
        async with AsyncScheduler(open_store(options), broker) as scheduler:
            yield scheduler
    except (ScheduleLookupError, JobLookupError):
        if unreadable:
            raise click.ClickException(_describe(unreadable[0])) from None
        raise
    for event in unreadable:
        click.echo(f"rota: {_describe(event)}", err=True)


async def require_tables(options: StoreOptions) -> None:
    """Raise if there is no data store at the URL: nothing is made by looking."""
    store = open_store(options)
    await require_file(options.url)
    if await store.schema_version() is None:
        place = "the default schema" if options.schema is None else f"the schema {options.schema}"
        raise click.ClickException(
            f"there are no tables {options.table_prefix}* in {place}; if they are elsewhere, pass --schema and"
            " --table-prefix; to make them here, run: rota db upgrade"
        )


async def require_file(url: str) -> None:
    """Raise if a URL is that of a SQLite file that is not there; opening it would make it."""
    import anyio
    from sqlalchemy import make_url

    parsed = make_url(url)
    file = parsed.database if parsed.get_backend_name() == "sqlite" else None
    if file and not await anyio.Path(file).exists():
        raise click.ClickException(f"there is no file {file}")


def _describe(event: Event) -> str:
    names = [name for name in ("schedule_id", "job_id") if hasattr(event, name)]
    ids = ", ".join(f"{name.removesuffix('_id')} {getattr(event, name)!s}" for name in names)
    reason = str(getattr(event, "exception", "")).partition("\n")[0]
    return f"unreadable: {ids}: {reason}; if another serializer wrote it, pass that as --serializer"


def run_async(function: Callable[P, Awaitable[R]]) -> Callable[P, R]:
    """Make a plain function of a coroutine function, for click."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        import anyio
        import anyio.to_thread

        async def call() -> R:
            try:
                return await function(*args, **kwargs)
            finally:
                await anyio.to_thread.run_sync(_join_database_threads)

        return anyio.run(call)

    return run


def _join_database_threads() -> None:
    """Wait for the threads of connections that could not be opened: they report to the event loop once more.

    Without that aiosqlite prints a traceback if the loop has ended before.
    """
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join(ENDING_SECONDS)


def _serializer(options: StoreOptions) -> Serializer:
    match options.serializer:
        case "json":
            from rota.serializers.json import JSONSerializer

            return JSONSerializer()
        case "cbor":
            from rota.serializers.cbor import CBORSerializer

            return CBORSerializer()
    from rota.serializers.pickle import PickleSerializer

    sys.path.insert(0, "")  # the classes of a program are found where it is
    if options.key_file is None:
        return PickleSerializer()
    try:
        return PickleSerializer(signing_key=options.key_file.read_bytes().strip())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--key-file") from None
