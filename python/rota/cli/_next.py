"""`rota next`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from rota.cli._errors import refused_as
from rota.cli._output import as_json_option, print_json

if TYPE_CHECKING:
    from rota.triggers import CronTrigger

__all__ = ["command"]

A_YEAR = timedelta(days=366)
AROUND = timedelta(hours=26)
SHOWN_AROUND = 3
GAPS = {
    "skip": "a time left out does not fire",
    "shift_to_gap_end": "a time left out fires right after it, once",
}
OVERLAPS = {
    "first": "a time that comes twice fires the first time",
    "second": "a time that comes twice fires the second time",
    "both": "a time that comes twice fires twice",
}


@click.command("next")
@click.argument("expression")
@click.option("--tz", default="local", help="The time zone, an IANA name.", show_default=True)
@click.option("-n", "count", default=5, show_default=True, type=click.IntRange(0, 10_000))
@click.option("--after", help="Begin after this time (ISO 8601) instead of now.")
@click.option(
    "--seconds", is_flag=True, help="The expression has six fields; the first is seconds."
)
@click.option("--either-day", is_flag=True, help="A day or a weekday suffices, as in crontab(5).")
@click.option("--gap", type=click.Choice(["auto", "skip", "shift_to_gap_end"]), default=None)
@click.option("--overlap", type=click.Choice(["auto", "first", "second", "both"]), default=None)
@as_json_option
def command(
    expression: str,
    tz: str,
    count: int,
    after: str | None,
    seconds: bool,
    either_day: bool,
    gap: str | None,
    overlap: str | None,
    as_json: bool,
) -> None:
    """Show when a cron EXPRESSION fires, and what it does where the clocks change within a year."""
    from rota.cli._words import in_words
    from rota.triggers import CronTrigger
    from rota.triggers._definition import as_moment, as_timezone

    with refused_as("--tz"):
        zone = as_timezone(tz)
    with refused_as("--after"):
        start = None if after is None else as_moment("the time", after, zone)
    with refused_as("EXPRESSION"):
        trigger = CronTrigger.from_crontab(
            expression,
            timezone=zone,
            start_time=start,
            seconds=seconds,
            either_day=either_day,
            gap=gap,  # type: ignore[arg-type]  # the choices are the same
            overlap=overlap,  # type: ignore[arg-type]
        )
    words = in_words(trigger)
    times = trigger.preview(count)
    changes = _changes(trigger)
    if as_json:
        print_json({"words": words, "next": times, "changes": changes})
        return
    click.echo(words)
    for moment in times:
        click.echo(f"  {moment:%a} {moment.isoformat(sep=' ')}")
    if len(times) < count:
        click.echo("  and never again" if times else "  never")
    for change in changes:
        click.echo(f"\n{change['what']}:")
        if not change["fire_times"]:
            click.echo("  it does not fire within a day of that")
        for moment in change["fire_times"]:
            click.echo(f"  {moment:%a} {moment.isoformat(sep=' ')}")


def _changes(trigger: CronTrigger) -> list[dict[str, Any]]:
    """Return the coming changes of the clocks, and the fire times around them."""
    start = trigger.start_time
    found = []
    for at, before, after in _transitions(trigger, start, start + A_YEAR):
        fires = [
            moment
            for moment in _between(trigger, at - AROUND, at + AROUND)
            if abs(moment - at) <= AROUND
        ]
        earlier = [moment for moment in fires if moment < at][-SHOWN_AROUND:]
        later = [moment for moment in fires if moment >= at][:SHOWN_AROUND]
        what = _describe(trigger, at, before, after)
        found.append({"what": what, "at": at, "fire_times": earlier + later})
    return found


def _describe(trigger: CronTrigger, at: datetime, before: timedelta, after: timedelta) -> str:
    """Say how a wall clock is moved, and what becomes of the times that this leaves out or repeats."""
    to = at.astimezone(trigger.timezone)
    start = to.replace(tzinfo=None) - after + before
    day = "" if start.date() == to.date() else f" on {start:%d %B}"
    gap, overlap = trigger._policies()
    way, rule = ("forward", GAPS[gap]) if after > before else ("back", OVERLAPS[overlap])
    return f"The clocks go {way} from {start:%H:%M}{day} to {to:%H:%M on %d %B %Y}; {rule}"


def _transitions(
    trigger: CronTrigger, start: datetime, end: datetime
) -> list[tuple[datetime, timedelta, timedelta]]:
    """Return the instants at which the offset of the zone changes, with the offsets before and after."""
    from datetime import timezone

    zone, found, step = trigger.timezone, [], timedelta(days=1)
    moment = start.astimezone(timezone.utc)
    while moment < end:
        low, high = moment, moment + step
        before, after = _offset(low, zone), _offset(high, zone)
        if before != after:
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
            found.append((high.replace(microsecond=0), before, after))
        moment += step
    return found


def _offset(moment: datetime, zone: object) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()  # type: ignore[arg-type]  # it is a tzinfo
    assert offset is not None, "the datetime is aware"
    return offset


def _between(trigger: CronTrigger, start: datetime, end: datetime) -> list[datetime]:
    from rota.triggers import CronTrigger

    state = trigger._fields() | {"start_time": max(start, trigger.start_time), "end_time": end}
    return CronTrigger(**state).preview(10_000)  # type: ignore[arg-type]  # its own fields
