"""`rota import-apscheduler3`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from rota.cli._output import as_json_option, print_json, print_table
from rota.cli._store import StoreOptions, interface, on_store, require_file, run_async

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rota import Task
    from rota.cli.apscheduler3.translation import Translation

__all__ = ["command"]


@click.command("import-apscheduler3")
@click.argument("source", metavar="URL")
@click.option("--dry-run", is_flag=True, help="Show what each job becomes, and write nothing.")
@click.option("--table", default="apscheduler_jobs", show_default=True, help="The table of jobs.")
@click.option("--table-schema", help="The schema that the table of jobs is in.")
@click.option(
    "--trust",
    "trusted",
    multiple=True,
    metavar="MODULE:NAME",
    help="A class that the arguments of jobs may have. It is imported and called; may be given again.",
)
@click.option(
    "--executor",
    default="threadpool",
    show_default=True,
    help="The executor for what ran in the default one; async for coroutine functions.",
)
@partial(on_store, required=False)
@as_json_option
@run_async
async def command(
    source: str,
    dry_run: bool,
    table: str,
    table_schema: str | None,
    trusted: tuple[str, ...],
    executor: str,
    store: StoreOptions | None,
    as_json: bool,
) -> None:
    """Take over the jobs of an APScheduler 3 job store in a database, at URL, as schedules.

    The jobs there are pickles. Nothing in them is imported or called, except for what --trust names. A job that
    cannot be taken over is told on standard error, and the others are. A schedule that exists already stays as it is.
    """
    from rota.cli.apscheduler3.translation import tasks_of

    if store is None and not dry_run:
        raise click.UsageError("say where the schedules are to go with --store, or use --dry-run")
    translations, failures = await _read(source, table, table_schema, trusted, executor)
    tasks = tasks_of(translations)
    existing: set[str] = set()
    if store is not None and not dry_run:
        existing = await _write(store, tasks, translations, failures)
    for translation in translations:
        if translation.schedule.id in existing:
            translation.notes.append("existed already, and stays as it is")
    _show(translations, failures, as_json)
    for id_, reason in failures.items():
        click.echo(f"rota: job {id_!r} is not taken over: {reason}", err=True)
    if failures:
        raise SystemExit(1)


async def _read(
    url: str, table: str, schema: str | None, trusted: tuple[str, ...], executor: str
) -> tuple[list[Translation], dict[str, str]]:
    """Return what the stored jobs become, and why others cannot be taken over, by their ids."""
    from sqlalchemy.exc import ArgumentError

    from rota.cli.apscheduler3.source import stored_jobs
    from rota.cli.apscheduler3.stored import RefusedClass, StoredJobError, read_job
    from rota.cli.apscheduler3.translation import translate

    try:
        await require_file(url)
        jobs = await stored_jobs(url, table, schema)
    except (ArgumentError, ValueError) as error:
        raise click.BadParameter(str(error).splitlines()[0], param_hint="URL") from None
    except StoredJobError as error:
        raise click.ClickException(str(error)) from None
    translations, failures = [], {}
    for job in jobs:
        try:
            state = read_job(job.state, trusted)
            translations.append(translate(job.id, state, job.next_run_time, executor))
        except RefusedClass as error:
            failures[job.id] = f"it has {error}; if you trust that: --trust {error}"
        except StoredJobError as error:
            failures[job.id] = str(error)
    return translations, failures


async def _write(
    options: StoreOptions,
    tasks: Sequence[Task],
    translations: list[Translation],
    failures: dict[str, str],
) -> set[str]:
    """Write tasks and schedules; return the ids of the schedules that were there."""
    from rota import ConflictingIdError, ConflictPolicy, RotaError

    existing = set()
    async with interface(options) as scheduler:
        store = scheduler.data_store
        known = {task.id for task in await store.get_tasks()}
        for task, translation in zip(tasks, list(translations), strict=True):
            try:
                if task.id not in known:
                    await store.add_task(task)
                await store.add_schedules([translation.schedule], ConflictPolicy.exception)
            except ConflictingIdError:
                existing.add(translation.schedule.id)
            except RotaError as error:
                failures[translation.schedule.id] = str(error).splitlines()[0]
                translations.remove(translation)
    return existing


def _show(translations: Sequence[Translation], failures: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json({"schedules": [_details(each) for each in translations], "failed": failures})
        return
    rows = [
        (
            each.schedule.id,
            each.schedule.task_id,
            repr(each.schedule.trigger),
            "paused" if each.schedule.paused else each.schedule.next_fire_time,
            "; ".join(each.notes),
        )
        for each in translations
    ]
    columns = ("id", "task", "trigger", "next fire time", "notes")
    print_table(columns, rows, "There are no jobs.")


def _details(translation: Translation) -> dict[str, Any]:
    schedule = translation.schedule
    return {
        "id": schedule.id,
        "task_id": schedule.task_id,
        "trigger": repr(schedule.trigger),
        "next_fire_time": schedule.next_fire_time,
        "paused": schedule.paused,
        "args": schedule.args,
        "kwargs": schedule.kwargs,
        "coalesce": schedule.coalesce,
        "misfire_grace_time": schedule.misfire_grace_time,
        "max_jitter": schedule.max_jitter,
        "job_executor": schedule.job_executor,
        "max_running_jobs": translation.max_instances,
        "metadata": schedule.metadata,
        "notes": translation.notes,
    }
