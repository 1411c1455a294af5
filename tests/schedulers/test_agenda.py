"""The order of what is to be done."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from attrs import evolve

from rota import IntervalTrigger
from rota.model import Schedule, ScheduleResult
from rota.schedulers._agenda import Agenda, Decision

NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)
SCHEDULE = Schedule(
    id="s",
    task_id="task",
    trigger=IntervalTrigger(seconds=1, start_time=NOW),
    next_fire_time=NOW,
    job_executor="async",
)


def decision(id_: str, at: float, token: int = 1) -> Decision:
    schedule = evolve(SCHEDULE, id=id_, token=token)
    following = NOW + timedelta(seconds=1)
    result = ScheduleResult(
        schedule_id=id_,
        task_id="task",
        trigger=schedule.trigger,
        last_fire_time=NOW,
        next_fire_time=following,
        token=token,
    )
    return Decision(at, schedule, NOW, 1, result)


def agenda(*decisions: Decision) -> Agenda:
    agenda = Agenda()
    agenda.add(decisions)
    return agenda


def test_first_one_due_comes_first() -> None:
    first, second, third = decision("a", 1), decision("b", 2), decision("c", 2)
    waiting = agenda(second, third)
    waiting.add([first])
    assert (waiting.next_at, list(waiting)) == (1, [first, second, third])


def test_what_is_due_is_taken_out_up_to_a_limit() -> None:
    decisions = [decision(str(n), n) for n in range(5)]
    waiting = agenda(*decisions)
    assert waiting.pop_due(2, limit=2) == decisions[:2]
    assert waiting.pop_due(2, limit=2) == decisions[2:3]
    assert waiting.pop_due(2, limit=2) == []
    assert len(waiting) == 2


def test_schedule_that_is_claimed_again_is_decided_about_once() -> None:
    waiting = agenda(decision("a", 1), decision("b", 1))
    again = decision("a", 2, token=2)
    waiting.add([again])
    assert list(waiting) == [decision("b", 1), again]
