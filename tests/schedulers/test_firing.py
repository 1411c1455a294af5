"""The pure decision: which jobs a due schedule gives, and when it is due next."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import count
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from rota.abc import Trigger
from rota.model import CoalescePolicy, Schedule, ScheduleResult
from rota.schedulers._firing import MAX_ERROR_TEXT, firings
from rota.triggers import CronTrigger, DateTrigger, IntervalTrigger

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def schedule(trigger: Trigger | None = None, **fields: Any) -> Schedule:
    trigger = trigger or IntervalTrigger(seconds=1, start_time=START)
    first = trigger.next()
    return Schedule(
        **{
            "id": "s",
            "task_id": "t",
            "trigger": trigger,
            "job_executor": "async",
            "next_fire_time": first,
            "token": 7,
            **fields,
        }
    )


def decide(schedule: Schedule, now: datetime, limit: int = 1000, seed: int = 1) -> ScheduleResult:
    numbers = count(1)
    (result,) = firings([schedule], now, Random(seed), lambda: UUID(int=next(numbers)), limit)
    return result


def scheduled(result: ScheduleResult) -> list[datetime | None]:
    return [job.scheduled_fire_time for job in result.jobs]


def test_one_due_time_gives_one_job_that_carries_what_the_schedule_says() -> None:
    result = decide(
        schedule(
            args=(1, 2),
            kwargs={"a": 3},
            misfire_grace_time=5,
            job_result_expiration_time=60,
            metadata={"m": 1},
            priority=4,
        ),
        START,
    )

    (job,) = result.jobs
    assert (job.id, job.task_id, job.schedule_id) == (UUID(int=1), "t", "s")
    assert (job.args, job.kwargs, job.executor) == ((1, 2), {"a": 3}, "async")
    assert (job.metadata, job.priority) == ({"m": 1}, 4)
    assert job.scheduled_fire_time == job.created_at == START
    assert job.start_deadline == START + 5 * SECOND
    assert job.result_expiration_time == timedelta(minutes=1)
    assert job.not_before is None
    assert (result.schedule_id, result.task_id, result.token) == ("s", "t", 7)
    assert result.last_fire_time == START
    assert result.next_fire_time == START + SECOND
    assert result.error is None


def test_last_fire_time_ends_the_schedule() -> None:
    result = decide(schedule(DateTrigger(START)), START + DAY)

    assert scheduled(result) == [START]
    assert result.next_fire_time is None


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (CoalescePolicy.earliest, [START]),
        (CoalescePolicy.latest, [START + 3 * SECOND]),
        (CoalescePolicy.all, [START + n * SECOND for n in range(4)]),
    ],
    ids=lambda value: value.name if isinstance(value, CoalescePolicy) else "",
)
def test_missed_times_are_treated_as_the_policy_says(
    policy: CoalescePolicy, expected: list[datetime]
) -> None:
    result = decide(schedule(coalesce=policy), START + 3.5 * SECOND)

    assert scheduled(result) == expected
    assert result.last_fire_time == expected[-1]
    assert result.next_fire_time == START + 4 * SECOND


def test_all_stops_at_the_limit_and_goes_on_from_there() -> None:
    """Nothing is lost or repeated between passes."""
    now = START + 30 * DAY
    first = decide(schedule(coalesce=CoalescePolicy.all), now, limit=1000)
    assert len(first.jobs) == 1000
    assert first.next_fire_time == START + 1000 * SECOND

    second = decide(
        schedule(first.trigger, coalesce=CoalescePolicy.all, next_fire_time=first.next_fire_time),
        now,
        limit=1000,
    )
    assert second.jobs[0].scheduled_fire_time == START + 1000 * SECOND


def test_catch_up_window_leaves_out_what_is_older() -> None:
    now = START + 30 * DAY
    result = decide(
        schedule(coalesce=CoalescePolicy.all, catch_up_window=timedelta(seconds=3)), now
    )

    assert scheduled(result) == [now - 3 * SECOND, now - 2 * SECOND, now - SECOND, now]
    assert result.next_fire_time == now + SECOND


def test_catch_up_window_with_nothing_in_it_moves_on_without_a_job() -> None:
    daily = IntervalTrigger(days=1, start_time=START)
    result = decide(
        schedule(daily, coalesce=CoalescePolicy.all, catch_up_window=timedelta(hours=1)),
        START + 2.5 * DAY,
    )

    assert result.jobs == []
    assert result.last_fire_time is None
    assert result.next_fire_time == START + 3 * DAY


def test_catch_up_window_does_not_apply_to_one_job_policies() -> None:
    result = decide(
        schedule(coalesce=CoalescePolicy.earliest, catch_up_window=timedelta(seconds=1)),
        START + DAY,
    )

    assert scheduled(result) == [START]


def test_schedule_that_is_not_due_is_left_as_it_is() -> None:
    """The clock of a store may have been set back between claims."""
    result = decide(schedule(), START - SECOND)

    assert result.jobs == []
    assert result.next_fire_time == START
    assert result.error is None


def test_jitter_delays_the_job_and_keeps_the_nominal_time() -> None:
    for seed in range(50):
        (job,) = decide(schedule(max_jitter=0.5), START, seed=seed).jobs
        assert timedelta(0) <= job.jitter < timedelta(seconds=0.5)
        assert job.original_scheduled_time == START
        assert job.scheduled_fire_time == START + job.jitter
        assert job.not_before == (job.scheduled_fire_time if job.jitter else None)


def test_jitter_does_not_reach_the_next_fire_time() -> None:
    """Else jobs of one schedule would overtake each other."""
    drawn = [
        decide(schedule(max_jitter=3600), START, seed=seed).jobs[0].jitter for seed in range(100)
    ]

    assert max(drawn) < SECOND
    assert max(drawn) > 0.8 * SECOND


def test_start_deadline_counts_from_the_time_with_jitter() -> None:
    (job,) = decide(schedule(max_jitter=0.9, misfire_grace_time=10), START).jobs

    assert job.jitter > timedelta(0)
    assert job.start_deadline == START + job.jitter + 10 * SECOND


def test_jitter_and_grace_are_real_time_when_clocks_are_set_back() -> None:
    """02:30 of the first pass plus 90 minutes is 03:00 standard time, not 04:00."""
    berlin = ZoneInfo("Europe/Berlin")
    fire_time = datetime(2025, 10, 26, 2, 30, tzinfo=berlin)
    (job,) = decide(schedule(DateTrigger(fire_time), misfire_grace_time=5400), fire_time).jobs

    assert job.start_deadline == datetime(2025, 10, 26, 2, 0, tzinfo=timezone.utc)
    jittered = decide(schedule(DateTrigger(fire_time), max_jitter=7200), fire_time).jobs[0]
    assert jittered.scheduled_fire_time is not None
    assert jittered.scheduled_fire_time - jittered.jitter == fire_time.astimezone(timezone.utc)
    assert jittered.original_scheduled_time == fire_time.astimezone(timezone.utc)


class Times(Trigger):
    """A user's trigger that returns, or raises, what it was given."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def next(self) -> datetime | None:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[no-any-return]


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(ValueError("broken"), "ValueError: broken", id="raises"),
        pytest.param(SystemExit(1), "SystemExit: 1", id="raises-system-exit"),
        pytest.param(
            Unprintable(),
            "Unprintable: <its text cannot be had: RuntimeError>",
            id="raises-what-has-no-text",
        ),
        pytest.param("tomorrow", "TypeError", id="returns-a-string"),
        pytest.param(datetime(2025, 1, 2), "ValueError", id="returns-a-naive-time"),  # noqa: DTZ001 - the case
        pytest.param(START, "ValueError", id="returns-the-same-time"),
        pytest.param(START - DAY, "ValueError", id="goes-back"),
    ],
)
@pytest.mark.parametrize("policy", CoalescePolicy, ids=lambda policy: policy.name)
def test_trigger_that_fails_gives_an_error_and_no_job(
    answer: Any, error: str, policy: CoalescePolicy
) -> None:
    result = decide(schedule(Times(START, answer), coalesce=policy), START)

    assert result.error is not None
    assert result.error.startswith(error)
    assert result.jobs == ()
    assert (result.last_fire_time, result.next_fire_time) == (None, START)
    assert result.token == 7


def test_times_that_only_look_equal_when_clocks_are_set_back_are_accepted() -> None:
    """02:30 twice in one night, told apart by fold."""
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2025, 10, 26, 2, 30, tzinfo=berlin)
    second = first.replace(fold=1)
    result = decide(schedule(Times(first, second, None), coalesce=CoalescePolicy.all), first)

    assert result.error is None
    assert scheduled(result) == [first]
    assert result.next_fire_time is not None
    assert result.next_fire_time.fold == 1


def test_error_text_is_bounded() -> None:
    result = decide(schedule(Times(START, ValueError("x" * 1_000_000))), START)

    assert result.error is not None
    assert len(result.error) == MAX_ERROR_TEXT


def test_same_inputs_give_the_same_decision() -> None:
    made = [
        decide(
            schedule(
                CronTrigger(second="*/7", start_time=START, timezone="UTC"),
                coalesce=CoalescePolicy.all,
                max_jitter=3,
            ),
            START + timedelta(minutes=5),
        )
        for _ in range(2)
    ]

    assert made[0] == made[1]
