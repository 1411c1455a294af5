"""Four schedulers on one PostgreSQL, one of them killed every few seconds, and thousands of schedules due.

`make soak` is the long form. What ran is told by the journal alone, which is not in the database.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from itertools import count
from random import Random
from typing import TYPE_CHECKING

import pytest

from rota import IntervalTrigger
from rota.model import AbandonedPolicy, JobOutcome
from tests._processes import pause
from tests.faults import _databases, _tasks
from tests.faults.conftest import stores

if TYPE_CHECKING:
    from rota import Scheduler
    from rota.schedulers._requests import ScheduleRequest
    from tests.faults._nursery import Node
    from tests.faults.conftest import Cluster

SECONDS = int(os.environ.get("ROTA_SOAK_SECONDS", "20"))
SCHEDULES = int(os.environ.get("ROTA_SOAK_SCHEDULES", "100"))
SEED = int(os.environ.get("ROTA_SOAK_SEED", "1"))
NODES = 4
JOB_SECONDS = 0.3
LIMIT = max(SCHEDULES // 2, 10)  #: of each task
POLICIES = {"repeat": AbandonedPolicy.run_again, "record": AbandonedPolicy.record}
SECOND = timedelta(seconds=1)


@stores("postgresql")
@pytest.mark.timeout(8 * SECONDS + 120)
def test_every_fire_time_becomes_one_job_whoever_is_killed(cluster: Cluster) -> None:
    observer = cluster.observer
    expected = add_schedules(observer)
    kill_at_random(cluster, Random(SEED))
    # A slow machine may fall behind; what counts is that it loses nothing.
    cluster.wait_until(
        lambda: not observer.get_schedules() and not observer.get_jobs(), 60 + 5 * SECONDS
    )
    assert set(cluster.running().values()) == {0}

    began = cluster.journal.entries("began")
    jobs = {(entry.schedule, entry.fire, entry.job) for entry in began}
    assert set(Counter((schedule, fire) for schedule, fire, _ in jobs).values()) == {1}
    attempts = Counter((entry.schedule, entry.fire, entry.attempt) for entry in began)
    assert set(attempts.values()) == {1}
    assert {entry.attempt for entry in began if entry.task == "record"} == {1}
    assert max(entry.attempt for entry in began) > 1, "nobody was killed at work"

    # Those who were killed had jobs that they had not begun, and some of these nobody else may run.
    abandoned = abandoned_fire_times(cluster)
    assert abandoned, "nobody was killed at work"
    assert {schedule.partition("-")[0] for schedule, _ in abandoned} == {"record"}
    assert {(schedule, fire) for schedule, fire, _ in jobs} | abandoned == expected


def add_schedules(observer: Scheduler) -> set[tuple[str, int]]:
    """Add schedules that fire every second; return all ids and fire times that there will be."""
    for task, policy in POLICIES.items():
        observer.configure_task(task, func=_tasks.linger, max_running_jobs=LIMIT, abandoned=policy)
    requests: list[ScheduleRequest] = []
    expected = set()
    for number in range(SCHEDULES):
        task = "record" if number % 2 else "repeat"
        start = observer.clock.now() + SECOND * (1 + number % 10 / 10)
        trigger = IntervalTrigger(
            seconds=1, start_time=start, end_time=start + SECOND * (SECONDS - 1)
        )
        request: ScheduleRequest = {
            "func_or_task_id": task,
            "args": [JOB_SECONDS],
            "trigger": trigger,
            "id": f"{task}-{number}",
            "coalesce": "all",
            "job_result_expiration_time": timedelta(hours=1),
        }
        requests.append(request)
        first = (start - _tasks.EPOCH) // timedelta(microseconds=1)
        expected |= {(f"{task}-{number}", first + 1_000_000 * k) for k in range(SECONDS)}
    observer.add_schedules(requests)
    return expected


def kill_at_random(cluster: Cluster, random: Random) -> None:
    """Kill one of the nodes every few seconds, at work on each of the tasks in turn, and start another in its place."""
    nodes = [cluster.start(f"node-{number}") for number in range(NODES)]
    clock = cluster.observer.clock
    end = clock.monotonic() + SECONDS
    for number in count(NODES):
        pause(random.uniform(1, 4))
        if clock.monotonic() > end:
            return
        task = list(POLICIES)[number % len(POLICIES)]
        victim = random.choice(at_work(cluster, nodes, task) or nodes)
        victim.kill()
        nodes.remove(victim)
        nodes.append(cluster.launch(f"node-{number}"))


def at_work(cluster: Cluster, nodes: list[Node], task: str) -> list[Node]:
    """Wait until nodes are running jobs of a task, for a while; return these nodes."""
    found: list[Node] = []

    def look() -> list[Node]:
        entries = cluster.journal.entries(task=task)
        counts = Counter((entry.node, entry.what) for entry in entries)
        busy = {node for node, what in counts if counts[node, "began"] > counts[node, "ended"]}
        found[:] = [node for node in nodes if node.identity in busy]
        return found

    with suppress(TimeoutError):  # it may be that nothing is due any more
        cluster.wait_until(look, 3)
    return found


def abandoned_fire_times(cluster: Cluster) -> set[tuple[str, int]]:
    table = f"{cluster.table_prefix}job_results"
    statement = f"SELECT schedule_id, nominal FROM {table} WHERE outcome = :outcome"
    rows = _databases.query(cluster.url, statement, outcome=JobOutcome.abandoned.name)
    return {(schedule, fire) for schedule, fire in rows}
