"""How jobs end that do not just return: tried again, out of time, cancelled from elsewhere, killed with their process."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rota import JobOutcome
from rota.model import JobResult, JobTimedOut, RetryPolicy
from tests.faults import _tasks
from tests.faults.conftest import stores

if TYPE_CHECKING:
    from uuid import UUID

    from tests.faults.conftest import Cluster

KEPT = timedelta(hours=1)


def result_of(cluster: Cluster, job: UUID) -> JobResult:
    cluster.wait_until(lambda: not cluster.observer.get_jobs({job}))
    result = cluster.observer.get_job_result(job, wait=False)
    assert result is not None
    return result


@stores("sqlite", "mariadb")
@pytest.mark.parametrize(
    ("max_attempts", "attempts", "outcome"),
    [(5, 3, JobOutcome.success), (2, 2, JobOutcome.error)],
    ids=["until-it-works", "until-there-are-no-more-attempts"],
)
def test_job_that_raises_is_tried_again_by_whoever_is_there(
    cluster: Cluster, max_attempts: int, attempts: int, outcome: JobOutcome
) -> None:
    observer = cluster.observer
    retry = RetryPolicy(max_attempts=max_attempts, first_delay=0.2)
    observer.configure_task("fail", func=_tasks.fail, retry=retry)
    cluster.start("one")
    cluster.start("two")
    job = observer.add_job("fail", args=[2], result_expiration_time=KEPT)
    result = result_of(cluster, job)
    assert (result.outcome, result.attempt) == (outcome, attempts)
    assert result.return_value == ("done" if outcome is JobOutcome.success else None)
    ran = cluster.journal.entries("ran", job=str(job))
    assert [entry.attempt for entry in ran] == list(range(1, attempts + 1))
    assert cluster.running() == {"fail": 0}


@stores("sqlite")
@pytest.mark.parametrize(
    ("func", "executor", "timeout"),
    [
        (_tasks.linger, "async", 1),
        (_tasks.linger_in_thread, "threadpool", 1),
        (_tasks.linger_in_process, "processpool", 6),  # of which some goes into starting it
    ],
    ids=["on-the-loop", "in-a-thread", "in-a-process"],
)
def test_job_that_takes_too_long_is_recorded_as_that_and_gives_its_slot_back(
    cluster: Cluster, func: Callable[..., object], executor: str, timeout: float
) -> None:
    """A coroutine is cancelled, a process killed and replaced; a thread is left behind."""
    observer = cluster.observer
    observer.configure_task("slow", func=func, job_executor=executor, timeout=timeout)
    node = cluster.start("node")
    job = observer.add_job("slow", args=[timeout + 2], result_expiration_time=KEPT)
    cluster.wait_for(1, "began")
    result = result_of(cluster, job)
    assert result.outcome is JobOutcome.error
    assert isinstance(result.exception, JobTimedOut)
    assert cluster.running() == {"slow": 0}
    assert cluster.journal.entries("ended") == []

    again = observer.add_job("slow", args=[0], result_expiration_time=KEPT)
    assert result_of(cluster, again).outcome is JobOutcome.success
    if executor == "processpool":
        first, second = (entry.pid for entry in cluster.journal.entries("began"))
        assert node.pid not in {first, second}
        assert not exists(first)
    if executor == "threadpool":
        cluster.wait_for(2, "ended")
    else:
        assert cluster.journal.count("ended") == 1


def exists(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@stores()
def test_jobs_are_cancelled_from_another_node_waiting_or_running(cluster: Cluster) -> None:
    observer = cluster.observer
    observer.configure_task("linger", func=_tasks.linger, max_running_jobs=1)
    running, waiting = observer.add_jobs(
        {"func_or_task_id": "linger", "args": [60], "result_expiration_time": KEPT}
        for _ in range(2)
    )
    cluster.start("node", lease_seconds=1)
    cluster.wait_for(1, "began", job=str(running))
    observer.cancel_job(waiting)
    assert result_of(cluster, waiting).outcome is JobOutcome.cancelled
    observer.cancel_job(running)
    assert result_of(cluster, running).outcome is JobOutcome.cancelled
    assert cluster.running() == {"linger": 0}
    assert cluster.journal.count("began") == 1
    assert cluster.journal.entries("ended") == []


@stores("postgresql")
def test_process_that_is_killed_takes_its_own_job_with_it_alone(cluster: Cluster) -> None:
    observer = cluster.observer
    for task, func in (("die", _tasks.die), ("linger", _tasks.linger_in_process)):
        observer.configure_task(task, func=func, job_executor="processpool", max_running_jobs=None)
    node = cluster.start("node")
    neighbour = observer.add_job("linger", args=[1], result_expiration_time=KEPT)
    cluster.wait_for(1, "began")
    victim = observer.add_job("die", result_expiration_time=KEPT)
    result = result_of(cluster, victim)
    assert result.outcome is JobOutcome.error
    assert "the process that ran the job died" in str(result.exception)
    assert result_of(cluster, neighbour).outcome is JobOutcome.success
    later = observer.add_job("linger", args=[0], result_expiration_time=KEPT)
    assert result_of(cluster, later).outcome is JobOutcome.success
    assert node.is_alive()
    assert cluster.running() == {"die": 0, "linger": 0}
