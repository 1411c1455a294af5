"""A test of a week of schedules that takes milliseconds. Run it with pytest.

Needs: rota, pytest
"""

from datetime import datetime, timedelta, timezone

from rota import AsyncScheduler, CronTrigger
from rota.testing import VirtualClock

MONDAY = datetime(2025, 3, 24, tzinfo=timezone.utc)


def test_report_is_sent_at_nine_on_each_working_day() -> None:
    clock = VirtualClock(MONDAY)
    sent: list[datetime] = []

    async def send_report() -> None:
        sent.append(clock.now())

    async def a_week() -> None:
        async with AsyncScheduler(clock=clock) as scheduler:
            trigger = CronTrigger(day_of_week="mon-fri", hour=9, timezone="Europe/Berlin")
            await scheduler.add_schedule(send_report, trigger)
            await scheduler.start_in_background()
            await clock.advance(timedelta(days=7))

    clock.run(a_week)

    assert sent == [MONDAY + timedelta(days=day, hours=8) for day in range(5)]
