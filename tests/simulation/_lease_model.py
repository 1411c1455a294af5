"""Every order in which two nodes can claim, renew, fire, run, crash and be late, on the memory store itself.

Where the simulation draws some of many runs, this visits all states that a few steps lead to. What the store has
accepted is compared with what the world knows by itself: who claimed what last, and what has begun to run.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Coroutine
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from attrs import define, evolve, field, frozen

from rota import IntervalTrigger, MemoryDataStore
from rota.abc import Clock
from rota.model import (
    AbandonedPolicy,
    ConflictPolicy,
    Job,
    JobOutcome,
    JobRelease,
    JobResult,
    Schedule,
    ScheduleResult,
    Task,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
STEP = timedelta(seconds=5)
LEASE = 2 * STEP
PERIOD = timedelta(seconds=1)
FIRES = 2
NODES = ("A", "B")
LAST = START + 5 * STEP  #: time ends here; by then leases can have run out twice

#: what is done, and by whom
Action = tuple[str, str]


class Violation(AssertionError):
    """A promise was broken."""


@define
class Stopped(Clock):
    """A clock that moves when it is told to."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError("nobody waits here")


@frozen
class Claim:
    """What a node believes to hold.

    :param number: counts the claims on all things, so that the last one is known
    :param deadline: until when it may rely on that
    """

    item: Any
    number: int
    deadline: datetime
    began: bool = False


@define
class World:
    """A store, two nodes, and what really happened."""

    policy: AbandonedPolicy
    heeds_deadlines: bool = True
    clock: Stopped = field(factory=Stopped)
    store: MemoryDataStore = field(factory=MemoryDataStore)
    schedules: dict[str, Claim] = field(factory=dict)
    jobs: dict[str, Claim] = field(factory=dict)
    latest: dict[object, int] = field(factory=dict)  # thing -> number of the last claim on it
    claims: int = 0
    made: int = 0
    began: Counter[tuple[UUID, int]] = field(factory=Counter)
    rewound: bool = False

    def __attrs_post_init__(self) -> None:
        self.store._now = self.clock.now
        task = Task(id="task", job_executor="async", max_running_jobs=1, abandoned=self.policy)
        run(self.store.add_task(task))
        end = START + (FIRES - 1) * PERIOD
        trigger = IntervalTrigger(seconds=1, start_time=START, end_time=end)
        schedule = Schedule(
            id="schedule",
            task_id="task",
            trigger=trigger,
            job_executor="async",
            next_fire_time=trigger.next(),
        )
        run(self.store.add_schedules([schedule], ConflictPolicy.exception))

    def actions(self) -> Iterator[Action]:
        """What can be done next."""
        if self.clock.at < LAST:
            yield "tick", ""
        yield "reap", ""
        if not self.rewound and run(self.store.get_schedules()):
            yield "rewind", ""
        for node in NODES:
            if node in self.schedules:
                yield "fire", node
                yield "fire, and hear nothing", node
            else:
                yield "claim schedule", node
            job = self.jobs.get(node)
            if job is None:
                yield "claim job", node
            elif job.began:
                yield "end", node
                yield "end, and hear nothing", node
            elif not self.heeds_deadlines or self.clock.at < job.deadline:
                yield "begin", node
            if node in self.schedules or job is not None:
                yield "renew", node
                yield "crash", node

    def do(self, action: Action) -> None:
        """Do something, and see that it was allowed."""
        what, node = action
        match what:
            case "tick":
                self.clock.at += STEP
            case "reap":
                run(self.store.reap_jobs())
            case "rewind":
                self._rewind()
            case "claim schedule":
                self._claim_schedule(node)
            case "claim job":
                self._claim_job(node)
            case "begin":
                self._begin(node)
            case "renew":
                self._renew(node)
            case "crash":
                self.schedules.pop(node, None)
                self.jobs.pop(node, None)
            case _ if what.startswith("fire"):
                self._fire(node, heard=what == "fire")
            case _:
                self._end(node, heard=what == "end")
        self.check()

    def _rewind(self) -> None:
        """An operator has a schedule fire from its beginning again."""
        [schedule] = run(self.store.get_schedules())
        trigger = schedule.trigger.at(None)
        changed = evolve(
            schedule,
            trigger=trigger,
            next_fire_time=trigger.next(),
            last_fire_time=None,
            acquired_by=None,
            acquired_until=None,
        )
        assert run(self.store.update_schedule(changed))
        self.claims += 1
        self.latest["schedule"] = self.claims
        self.rewound = True

    def _note(self, key: object, item: Any) -> Claim:
        self.claims += 1
        self.latest[key] = self.claims
        return Claim(item, self.claims, self.clock.at + LEASE)

    def _claim_schedule(self, node: str) -> None:
        for schedule in run(self.store.acquire_schedules(node, LEASE, 1)).items:
            self.schedules[node] = self._note("schedule", schedule)

    def _claim_job(self, node: str) -> None:
        for job in run(self.store.acquire_jobs(node, LEASE, 1)).items:
            self.jobs[node] = self._note(job.id, job)

    def _begin(self, node: str) -> None:
        job: Job = self.jobs[node].item
        held = run(self.store.get_jobs({job.id}))
        if [(each.acquired_by, each.token) for each in held] != [(node, job.token)]:
            raise Violation("a job was begun by a node that did not hold it any more")
        self.jobs[node] = evolve(self.jobs[node], began=True)
        self.began[job.id, job.attempt] += 1

    def _fire(self, node: str, *, heard: bool) -> None:
        claim = self.schedules[node]
        schedule: Schedule = claim.item
        fire_time = schedule.next_fire_time
        trigger = schedule.trigger.copy()
        self.made += 1
        job = Job(
            id=UUID(int=self.made),
            task_id="task",
            schedule_id="schedule",
            scheduled_fire_time=fire_time,
            executor="async",
            created_at=self.clock.at,
        )
        result = ScheduleResult(
            schedule_id="schedule",
            task_id="task",
            trigger=trigger,
            last_fire_time=fire_time,
            next_fire_time=trigger.next(),
            token=schedule.token,
            jobs=[job],
        )
        refused = run(self.store.release_schedules(node, [result]))
        self._must_be_refused(claim, "schedule", bool(refused))
        if not refused:
            self.claims += 1
            self.latest["schedule"] = self.claims
        if heard:
            del self.schedules[node]

    def _end(self, node: str, *, heard: bool) -> None:
        claim = self.jobs[node]
        result = JobResult.from_job(claim.item, JobOutcome.success, finished_at=self.clock.at)
        refused = run(self.store.release_jobs(node, [JobRelease(job=claim.item, result=result)]))
        self._must_be_refused(claim, claim.item.id, bool(refused))
        if not refused:
            self.claims += 1
            self.latest[claim.item.id] = self.claims
        if heard:
            del self.jobs[node]

    def _must_be_refused(self, claim: Claim, key: object, refused: bool) -> None:
        if not refused and self.latest[key] != claim.number:
            raise Violation("a write was accepted that an older claim had allowed")

    def _renew(self, node: str) -> None:
        schedule, job = self.schedules.get(node), self.jobs.get(node)
        lost = run(
            self.store.extend_leases(
                node,
                LEASE,
                {"schedule": schedule.item.token} if schedule else {},
                {job.item.id: job.item.token} if job else {},
            )
        )
        deadline = self.clock.at + LEASE
        if schedule is not None:
            if lost.schedule_ids:
                del self.schedules[node]
            else:
                self._must_be_refused(schedule, "schedule", refused=False)
                self.schedules[node] = evolve(schedule, deadline=deadline)
        if job is not None:
            if lost.job_ids:
                del self.jobs[node]
            else:
                self._must_be_refused(job, job.item.id, refused=False)
                self.jobs[node] = evolve(job, deadline=deadline)

    def check(self) -> None:
        """See that the promises hold."""
        jobs = run(self.store.get_jobs())
        nominal = Counter(job.scheduled_fire_time for job in jobs)
        if any(count > 1 for count in nominal.values()):
            raise Violation("a fire time has two jobs")
        begun = self.began
        if any(count > 1 for count in begun.values()):
            raise Violation("an attempt of a job has begun twice")
        if self.policy is AbandonedPolicy.record and any(attempt > 1 for _, attempt in begun):
            raise Violation("a job ran again that was to run once at most")
        held = sum(job.acquired_by is not None for job in jobs)
        [task] = run(self.store.get_tasks())
        if not task.running_jobs == held <= 1:
            raise Violation("slots are not those of the jobs that are held")

    def settles(self) -> bool:
        """Tell whether a node that nothing disturbs brings everything to its end. This changes the world."""
        self.schedules.clear()
        self.jobs.clear()
        self.clock.at += LEASE
        for _ in range(4 * FIRES + 4):
            for what in ("reap", "claim schedule", "claim job", "begin", "fire", "end"):
                if (what, "A") in set(self.actions()) or what == "reap":
                    self.do((what, "" if what == "reap" else "A"))
        schedules, jobs = run(self.store.get_schedules()), run(self.store.get_jobs())
        return not schedules and not jobs

    def view(self) -> object:
        """What matters of the state: not which numbers tokens have, but whether they are those that count."""
        at = self.clock.at
        schedules = [
            (each.next_fire_time, each.acquired_by, _left(each.acquired_until, at))
            for each in run(self.store.get_schedules())
        ]
        jobs = sorted(
            (
                job.scheduled_fire_time,
                job.attempt,
                job.acquired_by or "",
                _left(job.acquired_until, at),
            )
            for job in run(self.store.get_jobs())
            if job.scheduled_fire_time is not None
        )
        claims = [
            (
                node,
                claim.number == self.latest[getattr(claim.item, "id", None)],
                _left(claim.deadline, at),
                claim.began,
                getattr(claim.item, "scheduled_fire_time", None) or claim.item.next_fire_time,
                getattr(claim.item, "attempt", 0),
            )
            for held in (self.schedules, self.jobs)
            for node, claim in sorted(held.items())
        ]
        return repr((at, schedules, jobs, claims, sorted(self.began.values()), self.rewound))


def _left(until: datetime | None, at: datetime) -> float:
    return -1.0 if until is None else max((until - at).total_seconds(), 0.0)


def run(call: Coroutine[Any, Any, T]) -> T:
    """Return what a call of the memory store returns, which never waits."""
    try:
        call.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits")


def explore(
    depth: int,
    policy: AbandonedPolicy,
    *,
    first: tuple[Action, ...] = (),
    heeds_deadlines: bool = True,
    settle: bool = False,
) -> int:
    """Visit all states that `depth` actions lead to at the most; return how many there are.

    :param first: what has been done before
    :param settle: see that everything comes to its end from each state
    :raises Violation: with the actions that led there, as few as possible
    """
    seen: set[object] = set()
    paths: deque[tuple[Action, ...]] = deque([first])
    while paths:
        path = paths.popleft()
        for action in _replay(path, policy, heeds_deadlines).actions():
            longer = (*path, action)
            world = _replay(path, policy, heeds_deadlines)
            try:
                world.do(action)
                view = world.view()
                if view in seen:
                    continue
                seen.add(view)
                if settle and not world.settles():
                    raise Violation("something is left over for ever")
            except Violation as violation:
                raise Violation(f"{violation}: {longer}") from None
            if len(longer) < len(first) + depth:
                paths.append(longer)
    return len(seen)


def _replay(path: tuple[Action, ...], policy: AbandonedPolicy, heeds_deadlines: bool) -> World:
    world = World(policy, heeds_deadlines)
    for action in path:
        world.do(action)
    return world
