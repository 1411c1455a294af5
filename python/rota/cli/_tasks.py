"""`rota tasks`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from rota.cli._group import Group
from rota.cli._output import (
    as_json_option,
    print_details,
    print_done,
    print_json,
    print_table,
)
from rota.cli._store import StoreOptions, interface, on_store, run_async
from rota.model._validation import PRIORITIES

if TYPE_CHECKING:
    from rota import AsyncScheduler, Task

__all__ = ["command"]


@click.group("tasks", cls=Group)
def command() -> None:
    """List, show, run and remove tasks."""


def _details(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "func": task.func,
        "job_executor": task.job_executor,
        "running_jobs": task.running_jobs,
        "max_running_jobs": task.max_running_jobs,
        "misfire_grace_time": task.misfire_grace_time,
        "abandoned": task.abandoned,
        "max_attempts": task.retry.max_attempts,
        "timeout": task.timeout,
        "tags": task.tags,
        "metadata": task.metadata,
    }


@command.command("list")
@on_store
@as_json_option
@run_async
async def list_tasks(store: StoreOptions, as_json: bool) -> None:
    """List all tasks, ordered by id."""
    async with interface(store) as scheduler:
        tasks = await scheduler.get_tasks()
    if as_json:
        print_json([_details(task) for task in tasks])
        return
    rows = [
        (t.id, t.func, t.job_executor, t.running_jobs, t.max_running_jobs, sorted(t.tags))
        for t in tasks
    ]
    columns = ("id", "callable", "executor", "running", "limit", "tags")
    print_table(columns, rows, "There are no tasks.")


async def _task(scheduler: AsyncScheduler, task_id: str) -> Task:
    return await scheduler.data_store.get_task(task_id)


@command.command("show")
@click.argument("task_id")
@on_store
@as_json_option
@run_async
async def show_task(store: StoreOptions, task_id: str, as_json: bool) -> None:
    """Show one task."""
    async with interface(store) as scheduler:
        details = _details(await _task(scheduler, task_id))
    (print_json if as_json else print_details)(details)


@command.command("run")
@click.argument("task_id")
@click.option("--args", "args_json", default="[]", metavar="JSON", help="A JSON array.")
@click.option("--kwargs", "kwargs_json", default="{}", metavar="JSON", help="A JSON object.")
@click.option(
    "--priority",
    default=0,
    show_default=True,
    type=click.IntRange(PRIORITIES.start, PRIORITIES.stop - 1),
)
@on_store
@as_json_option
@run_async
async def run_task(
    store: StoreOptions,
    task_id: str,
    args_json: str,
    kwargs_json: str,
    priority: int,
    as_json: bool,
) -> None:
    """Have a task run once, by whichever worker takes the job."""
    args = _from_json("--args", args_json, list)
    kwargs = _from_json("--kwargs", kwargs_json, dict)
    async with interface(store) as scheduler:
        task = await _task(scheduler, task_id)
        job_id = await scheduler.add_job(
            task.id, args=args, kwargs=kwargs, job_executor=task.job_executor, priority=priority
        )
    print_done("added job", str(job_id), {"job_id": job_id} if as_json else None)


@command.command("remove")
@click.argument("task_id")
@on_store
@as_json_option
@run_async
async def remove_task(store: StoreOptions, task_id: str, as_json: bool) -> None:
    """Remove a task that has no schedules and no jobs."""
    async with interface(store) as scheduler:
        try:
            await scheduler.data_store.remove_task(task_id)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    print_done("removed", task_id, {"removed": task_id} if as_json else None)


def _from_json(option: str, text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint=option) from None
    if not isinstance(value, kind):
        shape = "array" if kind is list else "object"
        raise click.BadParameter(f"not a JSON {shape}: {text}", param_hint=option)
    return value
