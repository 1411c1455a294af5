"""`rota forecast`."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rota.cli._errors import refused_as
from rota.cli._output import as_json_option, print_json
from rota.cli._store import StoreOptions, interface, on_store, run_async

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rota import Schedule

__all__ = ["command"]

HOUR, MINUTE = 3_600_000_000, 60_000_000  # microseconds
MOST_HOURS = 24 * 366
MOST_RUNS = 5_000_000  #: of one schedule
BAR_WIDTH = 50
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@click.command("forecast")
@click.option("--from", "start", help="An ISO 8601 time; now by default.")
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1, MOST_HOURS))
@click.option("--tz", default="local", show_default=True, help="The time zone of what is shown.")
@click.option(
    "--svg",
    "svg_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Also draw the chart into this file.",
)
@on_store
@as_json_option
@run_async
async def command(
    store: StoreOptions,
    start: str | None,
    hours: int,
    tz: str,
    svg_file: Path | None,
    as_json: bool,
) -> None:
    """Show what the schedules will run: by hour, by task, and the busiest minute. Paused schedules do not count."""
    import anyio

    from rota._environment import current_clock
    from rota.triggers._definition import as_moment, as_timezone

    with refused_as("--tz"):
        zone = as_timezone(tz)
    with refused_as("--from"):
        begin = current_clock().now() if start is None else as_moment("the time", start, zone)
        begin = begin.astimezone(zone)
    async with interface(store) as scheduler:
        schedules = await scheduler.get_schedules()
    forecast = _forecast(schedules, begin, begin + timedelta(hours=hours))
    if svg_file is not None:
        await anyio.Path(svg_file).write_text(_svg(forecast), encoding="utf-8")
    if as_json:
        print_json(forecast)
    else:
        _print(forecast)


def _forecast(schedules: Sequence[Schedule], begin: datetime, end: datetime) -> dict[str, Any]:
    """Count the fire times after `begin`, up to `end`."""
    from rota.triggers import fire_times_between

    active = [
        s for s in schedules if not s.paused and s.error is None and s.next_fire_time is not None
    ]
    first = _micros(begin)
    hours: Counter[int] = Counter()
    minutes: Counter[int] = Counter()
    tasks: Counter[str] = Counter()
    triggers = [schedule.trigger for schedule in active]
    found = fire_times_between(triggers, begin, end, limit_each=MOST_RUNS)
    for schedule, times in zip(active, found, strict=True):
        runs = list(memoryview(times))
        pending = schedule.next_fire_time
        if pending is not None and begin < pending <= end and schedule.trigger.stateful:
            runs.insert(0, _micros(pending))  # such a trigger stands behind it already
        tasks[schedule.task_id] += len(runs)
        hours.update((at - first) // HOUR for at in runs)
        minutes.update(at // MINUTE for at in runs)
    zone = begin.tzinfo
    count = -(-(_micros(end) - first) // HOUR)
    busiest = max(minutes, key=lambda minute: (minutes[minute], -minute), default=None)
    return {
        "from": begin,
        "to": end,
        "schedules": len(active),
        "runs": sum(tasks.values()),
        "by_hour": [
            {"hour": begin + timedelta(hours=number), "runs": hours[number]}
            for number in range(count)
        ],
        "by_task": dict(tasks.most_common()),
        "busiest_minute": None
        if busiest is None
        else {
            "minute": (EPOCH + timedelta(minutes=busiest)).astimezone(zone),
            "runs": minutes[busiest],
        },
    }


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _print(forecast: Mapping[str, Any]) -> None:
    click.echo(
        f"{_many(forecast['runs'], 'run')} of {_many(forecast['schedules'], 'schedule')}"
        f" from {forecast['from']:%a %d %b %H:%M} to {forecast['to']:%a %d %b %H:%M}"
    )
    most = max((each["runs"] for each in forecast["by_hour"]), default=0)
    for each in forecast["by_hour"]:
        bar = "█" * round(each["runs"] / most * BAR_WIDTH) if most else ""
        click.echo(f"  {each['hour']:%a %H:%M}  {each['runs']:>8}  {bar}".rstrip())
    click.echo("\nBy task:")
    for task_id, runs in forecast["by_task"].items():
        click.echo(f"  {runs:>8}  {task_id}")
    busiest = forecast["busiest_minute"]
    if busiest is not None:
        click.echo(
            f"\nBusiest minute: {busiest['minute']:%a %d %b %H:%M}, {_many(busiest['runs'], 'run')}"
        )


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _svg(forecast: Mapping[str, Any]) -> str:
    """Draw a bar for each hour."""
    hours = forecast["by_hour"]
    most = max((each["runs"] for each in hours), default=0) or 1
    width, height, left, top = 10, 160, 50, 30
    total = left + width * len(hours) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{top + height + 40}"'
        ' font-family="sans-serif" font-size="11">',
        f'<text x="{left}" y="18">{forecast["runs"]} runs from {forecast["from"]:%d %b %H:%M}'
        f" to {forecast['to']:%d %b %H:%M}</text>",
        f'<text x="{left - 6}" y="{top + 8}" text-anchor="end">{most}</text>',
    ]
    for number, each in enumerate(hours):
        tall = round(each["runs"] / most * height)
        x, y = left + number * width, top + height - tall
        parts.append(
            f'<rect x="{x}" y="{y}" width="{width - 1}" height="{tall}" fill="#3b6ea5">'
            f"<title>{each['hour']:%a %H:%M}: {each['runs']}</title></rect>"
        )
        if number % 6 == 0:
            label = f"{each['hour']:%H:%M}"
            parts.append(f'<text x="{x}" y="{top + height + 16}">{label}</text>')
    return "\n".join([*parts, "</svg>", ""])
