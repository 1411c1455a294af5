"""Starting and stopping: what becomes of jobs that run, wait, or do not want to end."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, create_task_group

from rota import (
    AbandonedPolicy,
    AsyncScheduler,
    DateTrigger,
    JobOutcome,
    RunState,
)
from rota.datastores.memory import MemoryDataStore

if TYPE_CHECKING:
    from rota import Job
    from rota.abc import Acquired
    from rota.testing import VirtualClock

pytestmark = pytest.mark.anyio

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)

events: list[str] = []


@pytest.fixture(autouse=True)
def no_events() -> None:
    events.clear()


async def note() -> None:
    events.append("ran")


class TestLifeCycle:
    async def test_states_follow_each_other(self, clock: VirtualClock) -> None:
        scheduler = AsyncScheduler(clock=clock)
        states = [scheduler.state]
        async with scheduler:
            await scheduler.start_in_background()
            states.append(scheduler.state)
            await scheduler.stop()
            states.append(scheduler.state)
            await scheduler.wait_until_stopped()
            states.append(scheduler.state)

        assert states == [
            RunState.stopped,
            RunState.started,
            RunState.stopping,
            RunState.stopped,
        ]

    async def test_scheduler_can_be_started_again(self, clock: VirtualClock) -> None:
        async with AsyncScheduler(clock=clock) as scheduler:
            for _ in range(3):
                await scheduler.start_in_background()
                await scheduler.run_job(note)
                await scheduler.stop()
                await scheduler.wait_until_stopped()
            await scheduler.add_job(note)
            await clock.advance(60)

        assert events == ["ran"] * 3

    async def test_context_can_be_entered_again(self, clock: VirtualClock) -> None:
        scheduler = AsyncScheduler(clock=clock)
        for _ in range(2):
            async with scheduler:
                await scheduler.start_in_background()
                await scheduler.run_job(note)

        assert events == ["ran"] * 2

    async def test_starting_twice_is_refused(self, clock: VirtualClock) -> None:
        async with AsyncScheduler(clock=clock) as scheduler:
            await scheduler.start_in_background()
            with pytest.raises(RuntimeError, match="running already, its state: started"):
                await scheduler.start_in_background()

    async def test_entering_twice_is_refused(self, clock: VirtualClock) -> None:
        async with AsyncScheduler(clock=clock) as scheduler:
            with pytest.raises(RuntimeError, match="already initialized"):
                await scheduler.__aenter__()

    async def test_stopping_what_does_not_run_does_nothing(self, clock: VirtualClock) -> None:
        async with AsyncScheduler(clock=clock) as scheduler:
            await scheduler.stop()
            await scheduler.wait_until_stopped()

    async def test_foreground_scheduler_runs_until_a_job_stops_it(
        self, clock: VirtualClock
    ) -> None:
        scheduler = AsyncScheduler(clock=clock)

        async def end() -> None:
            await scheduler.stop()

        async with scheduler:
            await scheduler.add_schedule(end, DateTrigger(START + 90 * SECOND))
            with clock.autojump():
                await scheduler.run_until_stopped()

        assert clock.now() == START + 90 * SECOND

    async def test_cancelled_foreground_scheduler_winds_down(self, clock: VirtualClock) -> None:
        async def long() -> None:
            await clock.sleep(5)
            events.append("finished")

        async with AsyncScheduler(clock=clock) as scheduler:
            async with create_task_group() as group:
                group.start_soon(scheduler.run_until_stopped)
                await clock.advance(0)
                await scheduler.add_job(long)
                await clock.advance(1)
                group.cancel_scope.cancel()
                with CancelScope(shield=True):
                    await clock.advance(4)
            assert scheduler.state is RunState.stopped

        assert events == ["finished"]


class TestRunningJobs:
    async def test_job_may_finish_within_the_deadline_and_is_recorded(
        self, clock: VirtualClock
    ) -> None:
        store = MemoryDataStore()

        async def long() -> str:
            await clock.sleep(8)
            return "done"

        async with AsyncScheduler(store, clock=clock, shutdown_timeout=10) as scheduler:
            await scheduler.start_in_background()
            job_id = await scheduler.add_job(long, result_expiration_time=60)
            await clock.advance(1)
            with clock.autojump():
                await scheduler.stop()
                await scheduler.wait_until_stopped()
            result = await scheduler.get_job_result(job_id, wait=False)

        assert result is not None
        assert result.return_value == "done"
        assert clock.now() == START + 8 * SECOND

    @pytest.mark.parametrize("abandoned", AbandonedPolicy, ids=lambda policy: policy.name)
    async def test_job_that_takes_longer_is_recorded_or_given_back_as_its_task_says(
        self, clock: VirtualClock, abandoned: AbandonedPolicy
    ) -> None:
        async def long() -> None:
            await clock.sleep(1000)

        async with AsyncScheduler(clock=clock, shutdown_timeout=10) as scheduler:
            await scheduler.configure_task(long, abandoned=abandoned)
            await scheduler.start_in_background()
            job_id = await scheduler.add_job(long, result_expiration_time=60)
            await clock.advance(1)
            with clock.autojump():
                await scheduler.stop()
                await scheduler.wait_until_stopped()
            assert clock.now() == START + 11 * SECOND
            waiting = await scheduler.get_jobs()
            (task,) = await scheduler.get_tasks()
            assert task.running_jobs == 0
            if abandoned is AbandonedPolicy.run_again:
                assert [job.id for job in waiting] == [job_id]
                assert waiting[0].acquired_by is None
            else:
                result = await scheduler.get_job_result(job_id, wait=False)
                assert waiting == []
                assert result is not None
                assert result.outcome is JobOutcome.cancelled

    async def test_waiting_jobs_are_left_for_others_and_none_is_started(
        self, clock: VirtualClock
    ) -> None:
        async def long() -> None:
            events.append("started")
            await clock.sleep(5)

        async with AsyncScheduler(clock=clock) as scheduler:
            await scheduler.start_in_background()
            await scheduler.add_jobs({"func_or_task_id": long} for _ in range(20))
            await clock.advance(1)
            with clock.autojump():
                await scheduler.stop()
                await scheduler.wait_until_stopped()
            waiting = await scheduler.get_jobs()

        assert events == ["started"]
        assert len(waiting) == 19
        assert {job.acquired_by for job in waiting} == {None}

    async def test_job_that_was_being_claimed_is_handed_back(self, clock: VirtualClock) -> None:
        class SlowStore(MemoryDataStore):
            async def acquire_jobs(self, *args: Any) -> Acquired[Job]:
                acquired = await super().acquire_jobs(*args)
                await clock.sleep(1)
                return acquired

        async with AsyncScheduler(SlowStore(), clock=clock) as scheduler:
            await scheduler.add_job(note)
            await scheduler.start_in_background()
            await clock.advance(0.5)
            await scheduler.stop()
            await clock.advance(5)
            assert scheduler.state is RunState.stopped
            (job,) = await scheduler.get_jobs()

        assert (events, job.acquired_by) == ([], None)

    async def test_job_that_ignores_its_cancellation_does_not_hold_up_the_stop(
        self, clock: VirtualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def stubborn() -> None:
            with CancelScope(shield=True):
                await clock.sleep(3600)

        store = MemoryDataStore()
        async with AsyncScheduler(store, clock=clock, shutdown_timeout=1) as asks:
            scheduler = AsyncScheduler(store, clock=clock, shutdown_timeout=1)
            await scheduler.__aenter__()
            await scheduler.start_in_background()
            job_id = await scheduler.add_job(stubborn, result_expiration_time=7200)
            await clock.advance(1)
            with clock.autojump():
                await scheduler.stop()
                stopped = clock.now()
                result = await asks.get_job_result(job_id)
                recorded = clock.now()
                await scheduler.__aexit__(None, None, None)

        assert result is not None
        assert result.outcome is JobOutcome.cancelled
        assert recorded - stopped <= 5 * SECOND
        assert "goes on although it was cancelled" in caplog.text


class TestBetweenSchedulers:
    async def test_one_that_stops_leaves_its_schedules_to_the_other(
        self, clock: VirtualClock
    ) -> None:
        store = MemoryDataStore()
        async with AsyncScheduler(store, clock=clock) as stays:
            async with AsyncScheduler(store, clock=clock) as leaves:
                await leaves.start_in_background()
                await leaves.add_schedule(note, DateTrigger(START + 10 * SECOND))
                await clock.advance(5)
            await stays.start_in_background()
            await clock.advance(5)

        assert events == ["ran"]

    async def test_restart_under_the_same_identity_leaves_the_other_s_jobs_alone(
        self, clock: VirtualClock
    ) -> None:
        """Each start has an incarnation of its own."""
        store = MemoryDataStore()

        async def long() -> str:
            await clock.sleep(60)
            return "done"

        async with AsyncScheduler(store, clock=clock, identity="same") as first:
            await first.start_in_background()
            job_id = await first.add_job(long, result_expiration_time=600)
            await clock.advance(1)
            async with AsyncScheduler(store, clock=clock, identity="same") as second:
                await second.start_in_background()
                await clock.advance(1)
            await clock.advance(60)
            result = await first.get_job_result(job_id, wait=False)

        assert result is not None
        assert (result.outcome, result.attempt) == (JobOutcome.success, 1)
