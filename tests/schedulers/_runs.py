"""What tests of firing have in common: a first fire time, and jobs that note when they ran."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from rota import current_job
from rota.schedulers._schedule_loop import AHEAD

if TYPE_CHECKING:
    from rota.testing import VirtualClock

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
HALF = AHEAD / 2
DUE = START + 10 * SECOND


class Runs(list[tuple[datetime, datetime]]):
    """When jobs started, each with the fire time that it is for."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    async def work(self) -> None:
        """Note a run."""
        fire_time = current_job.get().scheduled_fire_time
        assert fire_time is not None
        self.append((self._clock.now(), fire_time))
