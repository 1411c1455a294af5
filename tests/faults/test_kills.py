"""Nodes that are killed: no slot is lost, no job and no fire time is lost, none is had twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from rota import IntervalTrigger, JobOutcome
from rota.model import AbandonedPolicy
from tests.faults import _tasks
from tests.faults.conftest import LONG, stores

if TYPE_CHECKING:
    from tests.faults.conftest import Cluster

TASKS = 25
KILLS = 100 if LONG else 3


@stores()
@pytest.mark.timeout(60 + 10 * KILLS)
def test_worker_that_is_killed_again_and_again_costs_no_slot(cluster: Cluster) -> None:
    """Each new worker takes up 50 jobs of 50 tasks with a limit of one, and is killed with them."""
    observer = cluster.observer
    kept = timedelta(hours=1)
    recorded: dict[str, list[str]] = {}
    repeated: dict[str, str] = {}
    for number in range(TASKS):
        task = f"record-{number}"
        observer.configure_task(task, func=_tasks.linger, max_running_jobs=1)
        jobs = observer.add_jobs(
            {"func_or_task_id": task, "args": [120], "result_expiration_time": kept}
            for _ in range(KILLS)
        )
        recorded[task] = [str(job) for job in jobs]
        task = f"repeat-{number}"
        observer.configure_task(
            task, func=_tasks.linger, max_running_jobs=1, abandoned=AbandonedPolicy.run_again
        )
        repeated[task] = str(observer.add_job(task, args=[120], result_expiration_time=kept))

    for number in range(KILLS):
        worker = f"worker-{number}"
        node = cluster.start(worker, lease_seconds=1)
        cluster.wait_for(2 * TASKS, "began", node=worker)
        node.kill()
        assert set(cluster.running().values()) == {1}

    cluster.start("reaper", role="scheduler")
    cluster.wait_until(lambda: set(cluster.running().values()) == {0})

    begun = cluster.journal.entries("began")
    attempts = Counter((entry.job, entry.attempt) for entry in begun)
    assert set(attempts.values()) == {1}
    assert Counter(entry.job for entry in begun if entry.task in recorded) == {
        job: 1 for jobs in recorded.values() for job in jobs
    }
    assert Counter(entry.job for entry in begun if entry.task in repeated) == dict.fromkeys(
        repeated.values(), KILLS
    )
    for job in (job for jobs in recorded.values() for job in jobs):
        result = observer.get_job_result(UUID(job), wait=False)
        assert result is not None
        assert result.outcome is JobOutcome.abandoned
    assert {str(job.id): job.attempt for job in observer.get_jobs()} == dict.fromkeys(
        repeated.values(), KILLS + 1
    )


@stores()
@pytest.mark.parametrize("point", ["half-released", "schedules-advanced", "schedules-claimed"])
def test_scheduler_that_is_killed_while_it_fires_leaves_both_or_neither(
    cluster: Cluster, point: str
) -> None:
    """Writing the jobs and advancing the schedules is one step; whoever comes next loses and repeats nothing."""
    observer = cluster.observer
    start = observer.clock.now() - timedelta(seconds=2)
    fire_times = [start + timedelta(seconds=seconds) for seconds in range(4)]
    trigger = IntervalTrigger(seconds=1, start_time=start, end_time=fire_times[-1])
    observer.configure_task("run", func=_tasks.run, max_running_jobs=None)
    observer.add_schedules(
        {"func_or_task_id": "run", "trigger": trigger, "id": f"s{n}", "coalesce": "all"}
        for n in range(20)
    )
    node = cluster.launch("victim", role="scheduler", fail_point=point, lease_seconds=0.5)
    node.wait_until_dead()

    jobs = Counter(job.schedule_id for job in observer.get_jobs())
    advanced = {
        schedule.id: schedule.last_fire_time is not None for schedule in observer.get_schedules()
    }
    is_done = point == "schedules-advanced"
    assert advanced == {f"s{n}": is_done for n in range(20)}
    assert jobs == ({f"s{n}": jobs["s0"] for n in range(20)} if is_done else {})

    cluster.start("heir")
    cluster.wait_until(lambda: not observer.get_schedules() and not observer.get_jobs())
    ran = Counter((entry.schedule, entry.fire) for entry in cluster.journal.entries("ran"))
    expected = [(time - _tasks.EPOCH) // timedelta(microseconds=1) for time in fire_times]
    assert ran == {(f"s{n}", fire): 1 for n in range(20) for fire in expected}


@stores("sqlite", "postgresql")
@pytest.mark.parametrize("point", ["jobs-claimed", "results-recorded"])
@pytest.mark.parametrize("policy", AbandonedPolicy, ids=lambda policy: policy.name)
def test_worker_that_is_killed_around_a_job_keeps_to_what_the_task_says(
    cluster: Cluster, point: str, policy: AbandonedPolicy
) -> None:
    observer = cluster.observer
    observer.configure_task("run", func=_tasks.run, max_running_jobs=1, abandoned=policy)
    job = observer.add_job("run", result_expiration_time=3600)
    cluster.launch("victim", fail_point=point, lease_seconds=0.5).wait_until_dead()
    cluster.start("heir")
    cluster.wait_until(lambda: not observer.get_jobs())

    result = observer.get_job_result(job, wait=False)
    assert result is not None
    done_before = point == "results-recorded"
    again = not done_before and policy is AbandonedPolicy.run_again
    nodes = [entry.node for entry in cluster.journal.entries("ran")]
    assert nodes == (["victim"] if done_before else ["heir"] if again else [])
    assert result.outcome is (JobOutcome.success if nodes else JobOutcome.abandoned)
    assert result.attempt == (2 if again else 1)
    assert cluster.running() == {"run": 0}
