"""Events: published after the change, once for each, and only if somebody wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from rota.model import (
    AbandonedPolicy,
    ConflictPolicy,
    Event,
    JobAcquired,
    JobAdded,
    JobOutcome,
    JobRelease,
    JobReleased,
    ScheduleAdded,
    ScheduleRemoved,
    ScheduleUpdated,
    TaskAdded,
    TaskRemoved,
    TaskUpdated,
)
from rota.testing._datastore._fixtures import (
    HOUR,
    LEASE,
    LONG_AGO,
    SECOND,
    DataStoreFixtures,
    add,
    claim_jobs,
    claim_one_job,
    claim_one_schedule,
    ended,
    fire,
    make_job,
    make_schedule,
    make_task,
    only,
)

if TYPE_CHECKING:
    from rota.abc import DataStore
    from rota.testing._datastore._fixtures import PassTime, RecordingBroker


class Publishing(DataStoreFixtures):
    """Whoever listens knows what has changed."""

    async def test_added_schedules_are_announced(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        before = await store.now()
        await add(store, make_schedule("a"), make_schedule("b", LONG_AGO + HOUR))
        after = await store.now()
        events = broker.of(Event)
        assert all(before <= event.timestamp <= after for event in events)
        assert events == [
            ScheduleAdded(
                schedule_id=id_, task_id="task", next_fire_time=due, timestamp=events[0].timestamp
            )
            for id_, due in (("a", LONG_AGO), ("b", LONG_AGO + HOUR))
        ]

    async def test_replaced_schedule_is_announced_as_updated(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        """With the fire time that it has kept; what was passed over is not announced."""
        await add(store, make_schedule("a"))
        await store.release_schedules("A", [fire(await claim_one_schedule(store))])
        broker.events.clear()
        both = [make_schedule("a"), make_schedule("b")]
        await add(store, *both, conflict_policy=ConflictPolicy.replace)
        await add(store, *both, conflict_policy=ConflictPolicy.do_nothing)
        updated, added = only(broker.of(ScheduleUpdated)), only(broker.of(ScheduleAdded))
        assert (updated.schedule_id, updated.next_fire_time) == ("a", LONG_AGO + HOUR)
        assert added.schedule_id == "b"
        assert len(broker.events) == 2

    async def test_refused_schedules_are_not_announced(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        await add(store, make_schedule())
        broker.events.clear()
        found = only(await store.get_schedules())
        claimed = await claim_one_schedule(store)
        assert not await store.update_schedule(found)
        assert await store.release_schedules("B", [fire(claimed)]) == {"schedule"}
        await store.remove_schedules(["other"])
        assert broker.events == []

    async def test_updated_schedule_is_announced(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        await add(store, make_schedule())
        broker.events.clear()
        found = only(await store.get_schedules())
        await store.update_schedule(evolve(found, next_fire_time=LONG_AGO + 5 * HOUR))
        event = only(broker.events)
        assert isinstance(event, ScheduleUpdated)
        assert (event.schedule_id, event.next_fire_time) == ("schedule", LONG_AGO + 5 * HOUR)

    async def test_removed_schedule_is_announced(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        await add(store, make_schedule())
        broker.events.clear()
        await store.remove_schedules(["schedule", "other"])
        event = only(broker.events)
        assert isinstance(event, ScheduleRemoved)
        assert (event.schedule_id, event.task_id, event.finished) == ("schedule", "task", False)

    async def test_advance_is_announced_with_its_jobs(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        await add(store, make_schedule())
        claimed = await claim_one_schedule(store)
        broker.events.clear()
        await store.release_schedules("A", [fire(claimed)])
        added, updated = only(broker.of(JobAdded)), only(broker.of(ScheduleUpdated))
        assert len(broker.events) == 2
        job = only(await store.get_jobs())
        assert (added.job_id, added.task_id, added.schedule_id) == (job.id, "task", "schedule")
        assert (updated.schedule_id, updated.next_fire_time) == ("schedule", LONG_AGO + HOUR)

    async def test_job_that_exists_already_is_not_announced(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        await add(store, make_schedule())
        result = fire(await claim_one_schedule(store), next_fire_time=LONG_AGO)
        await store.release_schedules("A", [result])
        broker.events.clear()
        await store.release_schedules("A", [fire(await claim_one_schedule(store))])
        assert broker.of(JobAdded) == []

    async def test_end_of_a_schedule_is_announced(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        await add(store, make_schedule())
        claimed = await claim_one_schedule(store)
        broker.events.clear()
        await store.release_schedules("A", [fire(claimed, next_fire_time=None)])
        assert only(broker.of(ScheduleRemoved)).finished
        assert only(broker.of(JobAdded)).schedule_id == "schedule"

    # jobs

    async def test_life_of_a_job_is_announced(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        job = make_job(schedule_id="schedule", scheduled_fire_time=LONG_AGO)
        await store.add_jobs([job])
        claimed = await claim_one_job(store)
        now = await store.now()
        release = ended(claimed, now, JobOutcome.error, exception=KeyError("é"), started_at=now)
        await store.release_jobs("A", [release])
        added, acquired, released = broker.events
        assert added == JobAdded(
            job_id=job.id, task_id="task", schedule_id="schedule", timestamp=added.timestamp
        )
        assert acquired == JobAcquired.from_job(claimed, "A", acquired.timestamp)
        assert release.result is not None
        assert released == JobReleased.from_result(claimed, release.result, "A", released.timestamp)
        assert isinstance(released, JobReleased)
        assert (released.exception_type, released.exception_message) == ("KeyError", "'é'")

    async def test_job_that_waits_again_is_announced_as_failed(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        await store.add_jobs([make_job()])
        job = await claim_one_job(store)
        broker.events.clear()
        release = ended(
            job,
            await store.now(),
            JobOutcome.error,
            exception=OSError("first attempt"),
            run_again_after=HOUR,
        )
        await store.release_jobs("A", [release])
        event = only(broker.events)
        assert isinstance(event, JobReleased)
        assert (event.outcome, event.exception_message) == (JobOutcome.error, "first attempt")

    async def test_refused_and_handed_back_jobs_are_not_announced_as_released(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        await store.add_jobs([make_job()])
        job = await claim_one_job(store)
        await store.release_jobs("B", [ended(job, await store.now())])
        await store.release_jobs("A", [JobRelease(job=job)])
        assert broker.of(JobReleased) == []

    async def test_what_the_store_ends_is_announced(
        self, store: DataStore, broker: RecordingBroker, pass_time: PassTime
    ) -> None:
        """Whoever waits for a result must learn that there is one."""
        await store.add_task(make_task("again", abandoned=AbandonedPolicy.run_again))
        deadline = await store.now() + SECOND
        lost, again = make_job(), make_job(task_id="again")
        await store.add_jobs([lost, again])
        await claim_jobs(store, "lost")
        waiting, late = make_job(), make_job(start_deadline=deadline)
        await store.add_jobs([waiting, late])
        broker.events.clear()
        await store.cancel_jobs([waiting.id])
        await pass_time(LEASE)
        await store.reap_jobs()
        outcomes = {event.job_id: event.outcome for event in broker.of(JobReleased)}
        assert outcomes == {
            waiting.id: JobOutcome.cancelled,
            late.id: JobOutcome.missed_start_deadline,
            lost.id: JobOutcome.abandoned,
            again.id: JobOutcome.abandoned,
        }
        schedulers = {event.job_id: event.scheduler_id for event in broker.of(JobReleased)}
        assert schedulers[lost.id] == schedulers[again.id] == "lost"
        assert len(broker.of(JobReleased)) == 4

    # all

    async def test_change_can_be_seen_when_it_is_announced(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        seen: list[bool] = []

        async def look(event: Event) -> None:
            if isinstance(event, TaskAdded):
                seen.append(event.task_id in {task.id for task in await store.get_tasks()})
            elif isinstance(event, ScheduleAdded):
                seen.append(len(await store.get_schedules([event.schedule_id])) == 1)
            elif isinstance(event, ScheduleRemoved):
                seen.append(await store.get_schedules([event.schedule_id]) == [])
            elif isinstance(event, ScheduleUpdated):
                (schedule,) = await store.get_schedules([event.schedule_id])
                seen.append(schedule.next_fire_time == event.next_fire_time)
            elif isinstance(event, JobAdded):
                seen.append(len(await store.get_jobs([event.job_id])) == 1)
            elif isinstance(event, JobAcquired):
                seen.append(only(await store.get_jobs([event.job_id])).acquired_by == "A")
            elif isinstance(event, JobReleased):
                seen.append(await store.get_job_result(event.job_id) is not None)

        broker.on_publish = look
        await store.add_task(make_task("other"))
        await add(store, make_schedule())
        job = make_job(
            schedule_id="schedule", scheduled_fire_time=LONG_AGO, result_expiration_time=HOUR
        )
        await store.release_schedules("A", [fire(await claim_one_schedule(store), job)])
        claimed = await claim_one_job(store)
        await store.release_jobs("A", [ended(claimed, await store.now())])
        await store.remove_schedules(["schedule"])
        assert seen == [True] * 7

    async def test_only_what_is_wanted_is_published(
        self, store: DataStore, broker: RecordingBroker
    ) -> None:
        broker.wanted = (JobReleased, TaskUpdated)
        await store.add_task(make_task("other"))
        await store.add_task(make_task("other", tags={"x"}))
        await add(store, make_schedule())
        await store.release_schedules("A", [fire(await claim_one_schedule(store))])
        job = await claim_one_job(store)
        await store.release_jobs("A", [ended(job, await store.now())])
        await store.remove_schedules(["schedule"])
        await store.remove_task("other")
        assert [type(event) for event in broker.events] == [TaskUpdated, JobReleased]
        assert broker.of(TaskRemoved) == []
