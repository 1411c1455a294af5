"""`rota jobs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

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

if TYPE_CHECKING:
    from rota import Job

__all__ = ["command"]


@click.group("jobs", cls=Group)
def command() -> None:
    """List, show and cancel jobs that have not ended."""


def _details(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "task_id": job.task_id,
        "schedule_id": job.schedule_id,
        "state": "running" if job.acquired_by else "waiting",
        "scheduled_fire_time": job.scheduled_fire_time,
        "created_at": job.created_at,
        "start_deadline": job.start_deadline,
        "executor": job.executor,
        "priority": job.priority,
        "attempt": job.attempt,
        "args": job.args,
        "kwargs": job.kwargs,
        "metadata": job.metadata,
        "acquired_by": job.acquired_by,
        "acquired_until": job.acquired_until,
    }


@command.command("list")
@click.option("--task", "task_id", help="Only those of this task.")
@on_store
@as_json_option
@run_async
async def list_jobs(store: StoreOptions, task_id: str | None, as_json: bool) -> None:
    """List the jobs that have not ended, oldest first."""
    async with interface(store) as scheduler:
        jobs = [j for j in await scheduler.get_jobs() if task_id in (None, j.task_id)]
    if as_json:
        print_json([_details(job) for job in jobs])
        return
    rows = [
        (
            job.id,
            job.task_id,
            job.schedule_id,
            "running" if job.acquired_by else "waiting",
            job.scheduled_fire_time or job.created_at,
            job.attempt,
            job.acquired_by,
        )
        for job in jobs
    ]
    columns = ("id", "task", "schedule", "state", "due", "attempt", "worker")
    print_table(columns, rows, "There are no jobs.")


@command.command("show")
@click.argument("job_id", type=click.UUID)
@on_store
@as_json_option
@run_async
async def show_job(store: StoreOptions, job_id: UUID, as_json: bool) -> None:
    """Show a job, or how it ended if its result was kept."""
    async with interface(store) as scheduler:
        jobs = await scheduler.get_jobs({job_id})
        if jobs:
            details = _details(jobs[0])
        else:
            result = await scheduler.get_job_result(job_id, wait=False)
            assert result is not None, "it raises if there is none"
            details = {
                "id": job_id,
                "state": "ended",
                "outcome": result.outcome,
                "started_at": result.started_at,
                "finished_at": result.finished_at,
                "expires_at": result.expires_at,
                "exception": None if result.exception is None else repr(result.exception),
                "return_value": result.return_value,
                "attempt": result.attempt,
            }
    (print_json if as_json else print_details)(details)


@command.command("cancel")
@click.argument("job_id", type=click.UUID)
@on_store
@as_json_option
@run_async
async def cancel_job(store: StoreOptions, job_id: UUID, as_json: bool) -> None:
    """Cancel a job, wherever it waits or runs."""
    async with interface(store) as scheduler:
        cancelled = await scheduler.cancel_job(job_id)
    if not cancelled:
        raise click.ClickException(f"there is no job {job_id} that has not ended")
    print_done("cancelled", str(job_id), {"cancelled": job_id} if as_json else None)
