"""Show rota on real input: what a Debian machine runs tomorrow, a week of it in no time, and ten seconds live.

python examples/demo [--live-seconds N] [--crontab FILE] [--zone ZONE]
"""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import anyio
from crontab import Entry, read_crontab
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import rota
from rota import AsyncScheduler, CronTrigger, IntervalTrigger, JobReleased
from rota.testing import VirtualClock

DAY = timedelta(days=1)
console = Console()
ran: Counter[str] = Counter()


def run_command(name: str, command: str) -> None:
    """Stand in for the command: the demonstration counts it and runs nothing."""
    ran[name] += 1


def show_tomorrow(entries: list[Entry], zone: str) -> None:
    """Print what will run in the next 24 hours, in the order of the first run."""
    table = Table(
        "package", "crontab", "next run", "runs", "last run", title=f"The next 24 hours ({zone})"
    )
    start = datetime.now(ZoneInfo(zone))
    rows = []
    for entry in entries:
        trigger = CronTrigger.from_crontab(entry.when, timezone=zone, start_time=start)
        count = trigger.remaining(start + DAY)
        times = trigger.preview(max(count, 1))
        rows.append((times[0], entry, count, times[-1]))
    for first, entry, count, last in sorted(rows, key=lambda row: row[0]):
        within = f"{last:%a %H:%M}" if count else "-"
        table.add_row(entry.name, entry.when, f"{first:%a %d %b %H:%M}", str(count), within)
    console.print(table)


async def simulate_week(entries: list[Entry], zone: str, clock: VirtualClock) -> None:
    """Run a week of the crontab on a virtual clock and print what ran."""
    async with AsyncScheduler(clock=clock) as scheduler:
        await scheduler.configure_task("command", func=run_command, max_running_jobs=None)
        for entry in entries:
            await scheduler.add_schedule(
                "command",
                CronTrigger.from_crontab(entry.when, timezone=zone),
                id=entry.name,
                args=[entry.name, entry.command],
            )
        await scheduler.start_in_background()
        with Progress(console=console) as progress:
            task = progress.add_task("A simulated week", total=7 * 24)
            for _ in range(7 * 24):
                await clock.advance(timedelta(hours=1))
                progress.advance(task)

    table = Table("package", "runs", title="What ran in the week")
    for name, count in ran.most_common():
        table.add_row(name, str(count))
    table.add_section()
    table.add_row("all", str(ran.total() if hasattr(ran, "total") else sum(ran.values())))
    console.print(table)


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

    async with AsyncScheduler() as scheduler:
        scheduler.subscribe(on_released, {JobReleased})
        await scheduler.configure_task("tick", func=tick, max_running_jobs=None)
        for name in ("heartbeat", "metrics"):
            await scheduler.add_schedule("tick", CronTrigger(second="*"), id=name)
        await scheduler.add_schedule("tick", IntervalTrigger(seconds=2), id="sensors")
        with anyio.move_on_after(seconds):
            await scheduler.run_until_stopped()

    table = Table("schedule", "jobs", "median", "worst", title="Lateness, in milliseconds")
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
