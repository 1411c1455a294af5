"""Any sequence of operations, on the store and on a model that is too simple to be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import define, evolve, field
from hypothesis import HealthCheck, given, settings, strategies as st

from rota.model import AbandonedPolicy, ConflictPolicy, Job, JobOutcome, JobRelease, Schedule
from rota.testing._datastore._fixtures import (
    HOUR,
    DataStoreFixtures,
    RecordingBroker,
    claim_jobs,
    claim_schedules,
    ended,
    fire,
    make_job,
    make_schedule,
    make_task,
)

if TYPE_CHECKING:
    from datetime import datetime

    from rota.abc import Clock, DataStore
    from rota.testing._datastore._fixtures import PassTime

LIMITS = {"one": 1, "two": 2, "all": None}
SERIAL = "yz"  #: the schedules whose jobs run one after another
LEASE_HOURS = 2
# Time goes by in hours. What has to be over or not at an hour is so by half an hour, so that a clock which runs
# during the test does not matter.
HALF = HOUR / 2

task_ids = st.sampled_from(list(LIMITS))
schedulers = st.sampled_from("AB")
schedule_ids = st.sampled_from("xyz")
limits = st.integers(0, 4)
picks = st.integers(0, 99)  # which of those that there are, modulo their number
operations = st.lists(
    st.one_of(
        st.tuples(st.just("add_schedule"), schedule_ids, task_ids, st.booleans()),
        st.tuples(st.just("pause"), schedule_ids, st.booleans()),
        st.tuples(st.just("remove"), schedule_ids),
        st.tuples(st.just("claim_schedules"), schedulers, limits),
        st.tuples(st.just("advance"), picks),
        st.tuples(st.just("add_job"), task_ids, st.integers(-1, 1), st.integers(0, 2)),
        st.tuples(st.just("claim_jobs"), schedulers, limits),
        st.tuples(st.just("finish"), picks, st.booleans()),
        st.tuples(st.just("hand_back"), picks),
        st.tuples(st.just("extend"), schedulers),
        st.tuples(st.just("cancel"), picks),
        st.tuples(st.just("let_time_pass"), st.integers(1, 3)),
        st.tuples(st.just("reap")),
    ),
    max_size=40,
)


@define
class Due:
    """A schedule of the model; its next fire time is an hour, less a half."""

    task_id: str
    hour: int = 0
    paused: bool = False
    token: int | None = None  # of the claim
    until: int = 0


@define
class Queued:
    """A job of the model."""

    job: Job
    ready: int = 0
    token: int | None = None
    until: int = 0
    marked: bool = False
    blocked: bool = False

    @property
    def rank(self) -> tuple[int, datetime, datetime]:
        """Its place in the queue."""
        job = self.job
        return -job.priority, job.scheduled_fire_time or job.created_at, job.created_at


@define
class Walk:
    """The store and the model, and what can be done to both."""

    store: DataStore
    pass_time: PassTime
    start: datetime
    hour: int = 0
    due: dict[str, Due] = field(factory=dict)
    jobs: dict[UUID, Queued] = field(factory=dict)
    claimed_schedules: list[Schedule] = field(factory=list)  # those that were lost, too
    claimed_jobs: list[Job] = field(factory=list)

    async def step(self, name: str, *arguments: Any) -> None:
        """Do one thing, and compare the store with the model."""
        await getattr(self, name)(*arguments)
        found = {
            s.id: (s.task_id, s.next_fire_time, s.paused, s.token if s.acquired_by else None)
            for s in await self.store.get_schedules()
        }
        assert found == {
            id_: (due.task_id, self.at(due.hour), due.paused, due.token)
            for id_, due in self.due.items()
        }
        waiting = {
            job.id: (job.attempt, job.token if job.acquired_by else None)
            for job in await self.store.get_jobs()
        }
        assert waiting == {id_: (q.job.attempt, q.token) for id_, q in self.jobs.items()}
        for task in await self.store.get_tasks():
            assert task.running_jobs == self.running(task.id)

    def at(self, hour: int) -> datetime:
        """Return what is past at an hour, and was not at the hour before."""
        return self.start + hour * HOUR - HALF

    def running(self, task_id: str) -> int:
        """Count the claimed jobs of a task."""
        return sum(q.token is not None and q.job.task_id == task_id for q in self.jobs.values())

    async def add_schedule(self, id: str, task_id: str, replace: bool) -> None:
        policy = ConflictPolicy.replace if replace else ConflictPolicy.do_nothing
        schedule = make_schedule(id, self.at(0), task_id=task_id)
        await self.store.add_schedules([schedule], policy)
        old = self.due.get(id)
        if old is None:
            self.due[id] = Due(task_id)
        elif replace and (old.paused or old.task_id != task_id):  # else nothing would change
            self.due[id] = Due(task_id, old.hour)

    async def pause(self, id: str, paused: bool) -> None:
        for schedule in await self.store.get_schedules([id]):
            assert await self.store.update_schedule(evolve(schedule, paused=paused))
            self.due[id] = evolve(self.due[id], paused=paused, token=None)

    async def remove(self, id: str) -> None:
        await self.store.remove_schedules([id])
        self.due.pop(id, None)

    async def claim_schedules(self, scheduler_id: str, limit: int) -> None:
        lease = LEASE_HOURS * HOUR - HALF
        claimed = await claim_schedules(self.store, scheduler_id, limit=limit, lease=lease)
        free = [
            due.hour
            for due in self.due.values()
            if not due.paused
            and due.hour <= self.hour
            and (due.token is None or due.until <= self.hour)
        ]
        assert [self.due[s.id].hour for s in claimed] == sorted(free)[:limit]
        for schedule in claimed:
            due = self.due[schedule.id]
            due.token, due.until = schedule.token, self.hour + LEASE_HOURS
        self.claimed_schedules += claimed

    async def advance(self, pick: int) -> None:
        if not self.claimed_schedules:
            return
        schedule = self.claimed_schedules.pop(pick % len(self.claimed_schedules))
        assert schedule.acquired_by is not None
        due = self.due.get(schedule.id)
        current = due is not None and due.token == schedule.token
        taken = {(q.job.schedule_id, q.job.scheduled_fire_time) for q in self.jobs.values()}
        result = fire(schedule, serial=schedule.id in SERIAL)
        refused = await self.store.release_schedules(schedule.acquired_by, [result])
        assert refused == (set() if current else {schedule.id})
        if due is not None and current:
            self.due[schedule.id] = Due(due.task_id, due.hour + 1)
            (job,) = result.jobs
            if (schedule.id, schedule.next_fire_time) not in taken:
                blocked = job.serial and bool(self.line(schedule.id))
                self.jobs[job.id] = Queued(job, blocked=blocked)

    def line(self, schedule_id: str | None) -> list[Queued]:
        """Return the serial jobs of a schedule by their fire times."""
        jobs = [q for q in self.jobs.values() if q.job.serial and q.job.schedule_id == schedule_id]
        return sorted(jobs, key=lambda queued: queued.rank)

    def remove_job(self, job_id: UUID) -> None:
        """Remove a job, and let the next one have its turn."""
        queued = self.jobs.pop(job_id)
        if queued.job.serial and not queued.blocked:
            for following in self.line(queued.job.schedule_id)[:1]:
                following.blocked = False

    async def add_job(self, task_id: str, priority: int, delay: int) -> None:
        ready = self.hour + delay
        job = make_job(task_id=task_id, priority=priority, not_before=self.at(ready))
        await self.store.add_jobs([job])
        self.jobs[job.id] = Queued(job, ready)

    async def claim_jobs(self, scheduler_id: str, limit: int) -> None:
        lease = LEASE_HOURS * HOUR - HALF
        claimed = await claim_jobs(self.store, scheduler_id, limit=limit, lease=lease)
        expected: list[UUID] = []
        for queued in sorted(self.jobs.values(), key=lambda queued: queued.rank):
            full = self.running(queued.job.task_id) == LIMITS[queued.job.task_id]
            if queued.token or queued.blocked or queued.ready > self.hour or full:
                continue
            if len(expected) == limit:
                break
            expected.append(queued.job.id)
            queued.token = next((j.token for j in claimed if j.id == queued.job.id), 0)
            queued.until = self.hour + LEASE_HOURS
        assert [job.id for job in claimed] == expected
        self.claimed_jobs += claimed

    def pick(self, number: int) -> tuple[Job, Queued | None] | None:
        """Return a claimed job, and the model's if the claim is current."""
        if not self.claimed_jobs:
            return None
        job = self.claimed_jobs.pop(number % len(self.claimed_jobs))
        queued = self.jobs.get(job.id)
        return job, queued if queued is not None and queued.token == job.token else None

    async def release(self, release: JobRelease, current: Queued | None) -> None:
        job = release.job
        assert job.acquired_by is not None
        refused = await self.store.release_jobs(job.acquired_by, [release])
        assert refused == ({job.id} if current is None else set())

    def queue_again(self, queued: Queued, delay: int, attempt: int) -> None:
        """Let a job wait again, unless somebody has cancelled it."""
        if queued.marked:
            self.remove_job(queued.job.id)
        else:
            job = evolve(queued.job, attempt=queued.job.attempt + attempt)
            self.jobs[job.id] = Queued(job, self.hour + delay)

    async def finish(self, number: int, again: bool) -> None:
        if picked := self.pick(number):
            job, current = picked
            pause = HOUR - HALF if again else None
            outcome = JobOutcome.error if again else JobOutcome.success
            release = ended(job, await self.store.now(), outcome, run_again_after=pause)
            await self.release(release, current)
            if current is not None and again:
                self.queue_again(current, 1, 1)
            elif current is not None:
                self.remove_job(job.id)

    async def hand_back(self, number: int) -> None:
        if picked := self.pick(number):
            job, current = picked
            await self.release(JobRelease(job=job), current)
            if current is not None:
                self.queue_again(current, 0, 0)

    async def extend(self, scheduler_id: str) -> None:
        """Extend the last claims that a scheduler had on each item."""
        schedules = {s.id: s for s in self.claimed_schedules if s.acquired_by == scheduler_id}
        jobs = {j.id: j for j in self.claimed_jobs if j.acquired_by == scheduler_id}
        lost = await self.store.extend_leases(
            scheduler_id,
            LEASE_HOURS * HOUR - HALF,
            {id_: schedule.token for id_, schedule in schedules.items()},
            {id_: job.token for id_, job in jobs.items()},
        )
        held: list[Due | Queued] = []
        for id_, schedule in schedules.items():
            due = self.due.get(id_)
            current = due is not None and due.token == schedule.token
            assert current == (id_ not in lost.schedule_ids)
            held += [due] if due is not None and current else []
        for job_id, job in jobs.items():
            queued = self.jobs.get(job_id)
            current = queued is not None and queued.token == job.token
            assert current == (job_id not in lost.job_ids)
            held += [queued] if queued is not None and current else []
        for each in held:
            each.until = self.hour + LEASE_HOURS

    async def cancel(self, number: int) -> None:
        if self.jobs:
            queued = list(self.jobs.values())[number % len(self.jobs)]
            assert await self.store.cancel_jobs([queued.job.id]) == {queued.job.id}
            queued.marked = True
            if queued.token is None:
                self.remove_job(queued.job.id)

    async def let_time_pass(self, hours: int) -> None:
        await self.pass_time(hours * HOUR)
        self.hour += hours

    async def reap(self) -> None:
        """Reap; the task "two" runs abandoned jobs again."""
        await self.store.reap_jobs()
        for queued in list(self.jobs.values()):
            if queued.token is not None and queued.until <= self.hour:
                again = queued.job.task_id == "two"
                if again:
                    self.queue_again(queued, 0, 1)
                else:
                    self.remove_job(queued.job.id)


class RandomWalk(DataStoreFixtures):
    """The store does what the model does."""

    @given(operations=operations)
    @settings(deadline=None, suppress_health_check=[*HealthCheck], database=None)
    async def test_store_agrees_with_a_simple_model(
        self, clock: Clock, pass_time: PassTime, operations: list[Any]
    ) -> None:
        async with self.started(RecordingBroker(), clock) as store:
            for id_, limit in LIMITS.items():
                policy = AbandonedPolicy["run_again" if id_ == "two" else "record"]
                await store.add_task(make_task(id_, max_running_jobs=limit, abandoned=policy))
            walk = Walk(store, pass_time, await store.now())
            for name, *arguments in operations:
                await walk.step(name, *arguments)
