"""Requests to add many at once, and what the schedules that are added share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rota import AsyncScheduler
from rota.triggers.interval import IntervalTrigger
from tests.schedulers.conftest import every_flavour

pytestmark = [pytest.mark.anyio, every_flavour]

HOURLY = IntervalTrigger(hours=1)


def nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"func_or_task_id": nothing, "trigger": HOURLY, "colaesce": "all"},
            r"a ScheduleRequest has no 'colaesce'",
        ),
        ({"func_or_task_id": nothing}, r"a ScheduleRequest needs 'trigger'"),
        ({"trigger": HOURLY}, r"a ScheduleRequest needs 'func_or_task_id'"),
        ((nothing, HOURLY), r"a ScheduleRequest must be a mapping, got: \(<function .*"),
    ],
)
async def test_unfit_request_for_a_schedule_is_refused_and_none_is_added(
    scheduler: AsyncScheduler, request_: Any, message: str
) -> None:
    good: Any = {"func_or_task_id": nothing, "trigger": HOURLY}
    with pytest.raises(TypeError, match=f"^{message}$"):
        await scheduler.add_schedules([good, request_])
    assert await scheduler.get_schedules() == []


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"func_or_task_id": nothing, "arguments": (1,)}, r"a JobRequest has no 'arguments'"),
        ({"args": (1,)}, r"a JobRequest needs 'func_or_task_id'"),
        (nothing, r"a JobRequest must be a mapping, got: <function .*"),
    ],
)
async def test_unfit_request_for_a_job_is_refused_and_none_is_added(
    scheduler: AsyncScheduler, request_: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=f"^{message}$"):
        await scheduler.add_jobs([{"func_or_task_id": nothing}, request_])
    assert await scheduler.get_jobs() == []


async def test_schedules_with_the_same_settings_share_nothing_that_can_be_changed(
    scheduler: AsyncScheduler,
) -> None:
    for id_ in ("one", "other"):
        await scheduler.add_schedule(nothing, HOURLY, id=id_)
    one = await scheduler.get_schedule("one")
    assert isinstance(one.kwargs, dict)
    one.kwargs["added"] = True
    one.trigger.next()
    again, other = await scheduler.get_schedules()
    assert again.kwargs == other.kwargs == {}
    assert again.trigger.cursor == other.trigger.cursor != one.trigger.cursor


async def test_settings_that_only_look_equal_are_kept_as_they_are(
    scheduler: AsyncScheduler,
) -> None:
    await scheduler.add_schedule(nothing, HOURLY, id="valid", job_result_expiration_time=0)
    with pytest.raises(
        TypeError,
        match=r"^job_result_expiration_time must be a timedelta or a number of seconds, got: False$",
    ):
        await scheduler.add_schedule(nothing, HOURLY, id="bool", job_result_expiration_time=False)
    await scheduler.add_schedule(nothing, HOURLY, id="float", job_result_expiration_time=0.5)
    schedules = {schedule.id: schedule for schedule in await scheduler.get_schedules()}
    assert schedules["float"].job_result_expiration_time == timedelta(milliseconds=500)
    assert schedules.keys() == {"valid", "float"}


async def test_setting_without_a_hash_is_refused_as_any_other(scheduler: AsyncScheduler) -> None:
    with pytest.raises(ValueError, match=r"^CoalescePolicy must be one of .*, got: \['all'\]$"):
        await scheduler.add_schedule(nothing, HOURLY, coalesce=["all"])  # type: ignore[arg-type]
