"""Write the golden pickles: `python -m tests.parity.make_golden` after a change of the stored state that is meant.

Pickles that users have stored stay readable, so those of earlier versions are kept beside the new ones.
"""

from __future__ import annotations

import pickle
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from rota.triggers import (
    AndTrigger,
    CalendarIntervalTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
)
from rota.triggers._planned import PlannedTrigger

#: The one that both the oldest supported Python and the newest write alike.
PROTOCOL = 4
DIRECTORY = Path(__file__).parent / "golden"
UTC = timezone.utc
START = datetime(2026, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def made() -> dict[str, PlannedTrigger]:
    """Return one of each kind at its beginning, and some that have moved."""
    cron = CronTrigger(hour=2, minute=30, timezone=BERLIN, start_time=START)
    interval = IntervalTrigger(hours=5, start_time=datetime(2026, 10, 24, 2, 30, tzinfo=BERLIN))
    at_start: dict[str, PlannedTrigger] = {
        "date": DateTrigger("2026-10-25T02:30:00+01:00[Europe/Berlin]"),
        "interval": interval,
        "interval-to-an-end": IntervalTrigger(
            weeks=1, seconds=0.5, start_time=START, end_time=START + timedelta(days=70)
        ),
        "cron": cron,
        "cron-with-policies": CronTrigger.from_crontab(
            "*/5 1-3 15W,L * mon#2,5L",
            timezone(timedelta(hours=5, minutes=45)),
            start_time=START,
            end_time="2030-01-01T00:00:00Z",
            either_day=True,
            gap="skip",
            overlap="second",
        ),
        "calendar-interval": CalendarIntervalTrigger(
            months=2,
            days=3,
            hour=10,
            start_date=date(2026, 1, 31),
            end_date=date(2040, 1, 1),
            timezone="Asia/Tokyo",
        ),
        "or": OrTrigger(cron, interval),
        "and": AndTrigger(
            cron,
            CronTrigger(day_of_week="sun", hour=2, minute=30, timezone=BERLIN, start_time=START),
        ),
        "nested": OrTrigger(
            AndTrigger(OrTrigger(cron, interval), interval, threshold=3600, max_iterations=99), cron
        ),
    }
    moved = {f"{name}-moved": trigger.copy() for name, trigger in at_start.items()}
    for trigger in moved.values():
        trigger.next_n(2)
    return at_start | moved


def main() -> None:
    DIRECTORY.mkdir(exist_ok=True)
    for name, trigger in made().items():
        (DIRECTORY / f"{name}.pickle").write_bytes(pickle.dumps(trigger, PROTOCOL))


if __name__ == "__main__":
    main()
