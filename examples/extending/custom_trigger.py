"""A trigger of your own: every mean full moon; the real one is up to 14 hours before or after it.

Needs: rota
"""

from datetime import datetime, timedelta, timezone

from rota.abc import Trigger

#: a full moon, and the mean time from one to the next
FULL_MOON = datetime(2000, 1, 21, 4, 40, tzinfo=timezone.utc)
MONTH = timedelta(days=29.530588)


class FullMoonTrigger(Trigger):
    """Fires at each mean full moon after `start_time` (aware)."""

    def __init__(self, start_time: datetime) -> None:
        self.number = (start_time - FULL_MOON) // MONTH

    def next(self) -> datetime:
        self.number += 1
        return FULL_MOON + self.number * MONTH


if __name__ == "__main__":
    trigger = FullMoonTrigger(datetime(2025, 1, 1, tzinfo=timezone.utc))
    for moment in trigger.preview(3):
        print(f"{moment:%d %B %Y, %H:%M}")
