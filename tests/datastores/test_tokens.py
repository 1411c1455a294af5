"""The tokens of schedules grow with time, for as long as there are dates."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from logging import getLogger
from typing import TYPE_CHECKING

import pytest

from rota.eventbrokers.local import LocalEventBroker
from rota.model import ConflictPolicy
from rota.testing import VirtualClock
from rota.testing._datastore._fixtures import make_schedule, make_task

if TYPE_CHECKING:
    from tests.datastores.conftest import Place

pytestmark = [pytest.mark.once, pytest.mark.parametrize("place", ["sqlite"], indirect=True)]

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def tokens_at(place: Place, start: datetime, count: int = 1) -> list[int]:
    """Return the tokens of a schedule that is added and removed again and again while time stands still."""
    clock = VirtualClock(start)

    async def add_and_remove() -> list[int]:
        async with AsyncExitStack() as stack:
            broker, logger, store = LocalEventBroker(), getLogger("rota"), place.store()
            await broker.start(stack, logger, clock)
            await store.start(stack, broker, logger, clock)
            await store.add_task(make_task())
            tokens = []
            for _ in range(count):
                await store.add_schedules([make_schedule()], ConflictPolicy.exception)
                (schedule,) = await store.get_schedules()
                tokens.append(schedule.token)
                await store.remove_schedules({schedule.id})
            return tokens

    return clock.run(add_and_remove)


def test_schedules_can_be_added_in_any_year(place: Place) -> None:
    years = (1960, 2026, 2041, 2042, 9999)
    tokens = [tokens_at(place, datetime(year, 12, 1, tzinfo=timezone.utc))[0] for year in years]
    assert tokens == sorted(tokens)
    assert tokens[-1] < 2**63


def test_tokens_are_above_those_of_earlier_versions(place: Place) -> None:
    now = datetime(2031, 12, 31, tzinfo=timezone.utc)
    earlier = (now - EPOCH) // timedelta(microseconds=1) << 12
    assert tokens_at(place, datetime(2026, 1, 1, tzinfo=timezone.utc))[0] > earlier


def test_tokens_leave_room_for_claims_while_time_stands_still(place: Place) -> None:
    tokens = tokens_at(place, datetime(2026, 1, 1, tzinfo=timezone.utc), count=100)
    assert all(later - earlier >= 64 for earlier, later in pairwise(tokens))
