"""`rota schedules`."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from rota import Schedule

__all__ = ["command"]


@click.group("schedules", cls=Group)
def command() -> None:
    """List, show, pause, resume, remove and run schedules."""


def _state(schedule: Schedule) -> str:
    if schedule.error is not None:
        return "set aside"
    return "paused" if schedule.paused else "active"


def _details(schedule: Schedule) -> dict[str, Any]:
    return {
        "id": schedule.id,
        "task_id": schedule.task_id,
        "state": _state(schedule),
        "trigger": repr(schedule.trigger),
        "next_fire_time": schedule.next_fire_time,
        "last_fire_time": schedule.last_fire_time,
        "coalesce": schedule.coalesce,
        "misfire_grace_time": schedule.misfire_grace_time,
        "max_jitter": schedule.max_jitter,
        "job_executor": schedule.job_executor,
        "priority": schedule.priority,
        "args": schedule.args,
        "kwargs": schedule.kwargs,
        "metadata": schedule.metadata,
        "acquired_by": schedule.acquired_by,
        "acquired_until": schedule.acquired_until,
        "error": schedule.error,
    }


@command.command("list")
@on_store
@as_json_option
@run_async
async def list_schedules(store: StoreOptions, as_json: bool) -> None:
    """List all schedules, ordered by id."""
    async with interface(store) as scheduler:
        schedules = await scheduler.get_schedules()
    if as_json:
        print_json([_details(schedule) for schedule in schedules])
        return
    rows = [
        (s.id, s.task_id, _state(s), s.next_fire_time, s.last_fire_time, repr(s.trigger))
        for s in schedules
    ]
    columns = ("id", "task", "state", "next fire time", "last fire time", "trigger")
    print_table(columns, rows, "There are no schedules.")


@command.command("show")
@click.argument("schedule_id")
@on_store
@as_json_option
@run_async
async def show_schedule(store: StoreOptions, schedule_id: str, as_json: bool) -> None:
    """Show one schedule."""
    async with interface(store) as scheduler:
        details = _details(await scheduler.get_schedule(schedule_id))
    (print_json if as_json else print_details)(details)


@command.command("pause")
@click.argument("schedule_id")
@on_store
@as_json_option
@run_async
async def pause_schedule(store: StoreOptions, schedule_id: str, as_json: bool) -> None:
    """Have a schedule give no jobs until it is resumed."""
    async with interface(store) as scheduler:
        await scheduler.pause_schedule(schedule_id)
        schedule = await scheduler.get_schedule(schedule_id)
    print_done("paused", schedule_id, _details(schedule) if as_json else None)


@command.command("resume")
@click.argument("schedule_id")
@click.option("--from-now", is_flag=True, help="Leave out what was missed meanwhile.")
@on_store
@as_json_option
@run_async
async def resume_schedule(
    store: StoreOptions, schedule_id: str, from_now: bool, as_json: bool
) -> None:
    """Have a schedule give jobs again that was paused, or set aside because of an error."""
    async with interface(store) as scheduler:
        await scheduler.unpause_schedule(schedule_id, resume_from="now" if from_now else None)
        schedule = await scheduler.get_schedule(schedule_id)
    print_done("resumed", schedule_id, _details(schedule) if as_json else None)


@command.command("remove")
@click.argument("schedule_id")
@on_store
@as_json_option
@run_async
async def remove_schedule(store: StoreOptions, schedule_id: str, as_json: bool) -> None:
    """Remove a schedule; jobs that it has given already are not affected."""
    from rota import LocalEventBroker, ScheduleLookupError, ScheduleRemoved

    removed: list[object] = []
    async with interface(store) as scheduler:
        broker = scheduler.event_broker
        assert isinstance(broker, LocalEventBroker), "the interface has one"
        broker.subscribe_inline(removed.append, (ScheduleRemoved,))
        await scheduler.remove_schedule(schedule_id)  # also one that cannot be read
    if not removed:
        raise ScheduleLookupError(schedule_id)
    print_done("removed", schedule_id, {"removed": schedule_id} if as_json else None)


@command.command("run")
@click.argument("schedule_id")
@on_store
@as_json_option
@run_async
async def run_schedule(store: StoreOptions, schedule_id: str, as_json: bool) -> None:
    """Have the task of a schedule run once, now, with its arguments; its fire times stay as they are."""
    async with interface(store) as scheduler:
        job_id = await scheduler.run_schedule(schedule_id)
    print_done("added job", str(job_id), {"job_id": job_id} if as_json else None)
