"""Show rota on real input: what a Debian machine runs tomorrow, a week of it in no time, and ten seconds live.

python examples/demo [--live-seconds N] [--crontab FILE] [--zone ZONE]
"""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from zoneinfo import ZoneInfo

import anyio
from crontab import Entry, read_crontab
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress
from rich.table import Table

import rota
from rota import AsyncScheduler, CronTrigger, IntervalTrigger, JobReleased
from rota.testing import VirtualClock

DAY = timedelta(days=1)
OTHER_COLUMNS_WIDTH = 80  #: of the table of tomorrow, besides the commands
LEAST_COMMAND_WIDTH = 12  #: where there is less room, the commands are left out
BAR_WIDTH = 40  #: of the most frequent line of the crontab
console = Console()
ran: Counter[str] = Counter()


def run_command(name: str, command: str) -> None:
    """Stand in for the command: the demonstration counts it and runs nothing."""
    ran[name] += 1


def show_tomorrow(entries: list[Entry], zone: str) -> None:
    """Print what will run in the next 24 hours, in the order of the first run."""
    table = new_table(f"The next 24 hours, {zone}")
    table.add_column("package", no_wrap=True)
    table.add_column("crontab", no_wrap=True)
    room = console.width - OTHER_COLUMNS_WIDTH
    if room >= LEAST_COMMAND_WIDTH:
        table.add_column("command", no_wrap=True, overflow="ellipsis", max_width=room)
    for heading in ("next run", "runs", "last run"):
        table.add_column(heading, no_wrap=True, justify="right")
    start = datetime.now(ZoneInfo(zone))
    rows = []
    for entry in entries:
        trigger = CronTrigger.from_crontab(entry.when, timezone=zone, start_time=start)
        count = trigger.remaining(start + DAY)
        times = trigger.preview(max(count, 1))
        rows.append((times[0], entry, count, times[-1]))
    for first, entry, count, last in sorted(rows, key=lambda row: row[0]):
        table.add_row(
            entry.name,
            " ".join(entry.when.split()),
            *([escape(entry.command)] if room >= LEAST_COMMAND_WIDTH else []),
            f"{first:%a %d %b %H:%M}",
            str(count or "-"),
            f"{last:%a %H:%M}" if count else "-",
            style=None if count else "dim",
        )
    console.print(table)


async def simulate_week(entries: list[Entry], zone: str, clock: VirtualClock) -> None:
    """Run a week of the crontab on a virtual clock; print what ran beside what the triggers say."""
    start = clock.now()
    expected: dict[str, int] = {}
    async with AsyncScheduler(clock=clock) as scheduler:
        await scheduler.configure_task("command", func=run_command, max_running_jobs=None)
        for entry in entries:
            trigger = CronTrigger.from_crontab(entry.when, timezone=zone, start_time=start)
            expected[entry.name] = trigger.remaining(start + 7 * DAY)
            await scheduler.add_schedule(
                "command", trigger, id=entry.name, args=[entry.name, entry.command]
            )
        await scheduler.start_in_background()
        began = perf_counter()
        with Progress(
            "A simulated week", BarColumn(), "{task.fields[shows]}", console=console
        ) as progress:
            bar = progress.add_task("", total=7 * 24, shows="")
            for _ in range(7 * 24):
                await clock.advance(timedelta(hours=1))
                shows = f"{clock.now().astimezone(ZoneInfo(zone)):%a %d %b %H:%M}"
                progress.update(bar, advance=1, shows=shows)
        seconds = perf_counter() - began
    show_week(expected, seconds)


def show_week(expected: dict[str, int], seconds: float) -> None:
    """Print how often each line of the crontab ran, and whether that is as often as it should have."""
    table = new_table(f"What ran in that week, simulated in {seconds:.1f} s")
    table.add_column("package", no_wrap=True)
    table.add_column("runs", justify="right")
    table.add_column("due", justify="right")
    table.add_column("")
    most = max(expected.values())
    for name, due in sorted(expected.items(), key=lambda item: -item[1]):
        bar = "\N{FULL BLOCK}" * max(1, BAR_WIDTH * ran[name] // most) if ran[name] else ""
        wrong = "" if ran[name] == due else "[bold red]  not as often as it was due[/]"
        table.add_row(name, f"{ran[name]:,}", f"{due:,}", f"[green]{bar}[/]{wrong}")
    table.add_section()
    table.add_row("all", f"{sum(ran.values()):,}", f"{sum(expected.values()):,}", "")
    console.print(table)


def new_table(title: str) -> Table:
    """Make an empty table as all of them look here."""
    return Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold cyan")


async def tick() -> None:
    """Do nothing, once a second."""


async def run_live(seconds: int) -> None:
    """Run per-second schedules on the real clock and print how late each job started."""
    lateness: dict[str, list[float]] = {}

    def on_released(event: JobReleased) -> None:
        late = (event.started_at - event.scheduled_start).total_seconds() * 1000
        lateness.setdefault(event.schedule_id, []).append(late)
        console.print(
            f"{event.scheduled_start:%H:%M:%S}  {event.schedule_id:<10} {late:7.2f} ms late"
        )

    console.print(f"[bold cyan]Live, for {seconds} seconds[/]")
    async with AsyncScheduler() as scheduler:
        scheduler.subscribe(on_released, {JobReleased})
        await scheduler.configure_task("tick", func=tick, max_running_jobs=None)
        for name in ("heartbeat", "metrics"):
            await scheduler.add_schedule("tick", CronTrigger(second="*"), id=name)
        await scheduler.add_schedule("tick", IntervalTrigger(seconds=2), id="sensors")
        with anyio.move_on_after(seconds):
            await scheduler.run_until_stopped()

    table = new_table("Lateness in milliseconds")
    table.add_column("schedule")
    for heading in ("jobs", "median", "worst"):
        table.add_column(heading, justify="right")
    for name, values in sorted(lateness.items()):
        table.add_row(name, str(len(values)), f"{median(values):.2f}", f"{max(values):.2f}")
    console.print(table)


def main() -> None:
    """Run the three parts."""
    parser = argparse.ArgumentParser(
        prog="python examples/demo", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--crontab", type=Path, default=Path(__file__).with_name("debian.crontab"))
    parser.add_argument("--zone", default="Europe/Berlin")
    parser.add_argument("--live-seconds", type=int, default=10)
    options = parser.parse_args()

    console.print(f"rota {rota.__version__}, trigger backend: {rota.backend}")
    entries = read_crontab(options.crontab)
    show_tomorrow(entries, options.zone)
    clock = VirtualClock(datetime.now(ZoneInfo(options.zone)))
    clock.run(simulate_week, entries, options.zone, clock)
    anyio.run(run_live, options.live_seconds)


if __name__ == "__main__":
    main()
