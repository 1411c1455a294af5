"""Moves jobs from the data store to the workers, and their results back, in groups."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from attrs import evolve

from rota.model import (
    EventsMissed,
    JobAdded,
    JobLeaseLost,
    JobOutcome,
    JobRelease,
    SerializationError,
    TaskUpdated,
)
from rota.schedulers._alarm import Alarm
from rota.schedulers._claim import Claim, Verdict
from rota.schedulers._job_log import JobLog
from rota.schedulers._job_outcome import ended, handed_back, stopped
from rota.schedulers._job_run import JobRunner
from rota.schedulers._store_time import StoreTime
from rota.schedulers._wakeup import WakeUp
from rota.schedulers._workers import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from uuid import UUID

    from anyio.abc import TaskGroup

    from rota.abc import Acquired
    from rota.model import Job
    from rota.schedulers._leases import LeaseKeeper
    from rota.schedulers._node import Node
    from rota.schedulers._workers import Worker

__all__ = ["JobLoop"]

FRUITLESS_PAUSE_SECONDS = 0.01
LONGEST_FRUITLESS_PAUSE_SECONDS = 1.0
CANCELLATION_SECONDS = 2.0  #: how long cancelled jobs may take to end when the scheduler stops
RECORDING_SECONDS = 5.0  #: how long the last results may take to be recorded


class JobLoop:
    """Claims jobs, has them run by workers, and records how they ended.

    Whichever worker has nothing to run goes to the data store for all: it first records what has ended, then
    claims as many jobs as there is room for. So there is at most one exchange at a time, and while it lasts the
    results for the next one gather.

    :param claims: where the jobs that it holds are noted, for the lease keeper to see
    :param limit: how many jobs are held at once, at most
    :param keeper: renews the leases on them
    :param reap: ends the jobs of workers that are gone
    """

    def __init__(
        self,
        node: Node,
        group: TaskGroup,
        claims: dict[UUID, Claim],
        limit: int,
        keeper: LeaseKeeper,
        reap: Callable[[], Awaitable[None]],
    ) -> None:
        self._node = node
        self._store = node.data_store
        self._clock = node.clock
        self._log = JobLog(node.logger)
        self._limit = limit
        self._lease_seconds = node.lease_duration.total_seconds()
        self._polling_seconds = node.polling_interval.total_seconds()
        self._time = StoreTime()
        self._runner = JobRunner(node, self._time, self._finish)
        self._keeper = keeper
        self._reap = reap
        self._workers = WorkerPool(node, group, limit + 1, self._work)  # one for the data store
        self._outage = node.outage("claiming and recording jobs")
        self._claims = claims
        self._ready: deque[Claim] = deque()
        self._finished: list[JobRelease] = []
        self._lost: list[Claim] = []
        self._running = 0
        self._hungry = True  # the data store may have jobs for us
        self._when_unknown = True  # when they will have some is not known yet
        self._exchanging = False
        self._together = True  # results are recorded and jobs claimed in one go
        self._closing = False
        self._fruitless = 0
        self._alarm = Alarm(node.clock)
        self._progress = Alarm(node.clock)
        self._look_at = 0.0  # by the monotonic clock
        self._patience_ends = 0.0
        # A task that was changed may have a higher limit.
        self._wakeup = WakeUp(node.event_broker, (JobAdded, TaskUpdated, EventsMissed), self.look)

    async def run(self) -> None:
        """Have the data store asked when its time has come, until cancelled."""
        while True:
            await self._alarm.sleep(max(self._look_at - self._clock.monotonic(), 0))
            if self._clock.monotonic() >= self._look_at:
                self._look_at = self._clock.monotonic() + self._polling_seconds
                self.look()

    def look(self) -> None:
        """Have the data store asked for jobs soon."""
        self._hungry = True
        self._workers.summon()

    async def stop(self, patience_seconds: float) -> None:
        """Start no more jobs, wait for those that run, cancel them when patience ends, record what became of all."""
        self._closing = True
        self._hand_back()
        self._patience_ends = self._clock.monotonic() + patience_seconds
        while self._running and (left := self._patience_ends - self._clock.monotonic()) > 0:
            await self._progress.sleep(left)
        for claim in self._claims.values():
            if claim.scope is not None:
                claim.cancel(Verdict.stopped)
        await self._wait_until(lambda: not self._running, CANCELLATION_SECONDS)
        self._abandon()
        await self._wait_until(lambda: not self._claims and not self._exchanging, RECORDING_SECONDS)
        self._workers.close()
        self._wakeup.disarm()
        if self._claims:
            self._log.unrecorded(len(self._claims))

    def _hand_back(self) -> None:
        """Let others have what has been claimed and does not run yet, be it that it waits for its executor."""
        self._finished += [handed_back(claim.job) for claim in self._ready]
        self._ready.clear()
        for claim in self._claims.values():
            if claim.scope is not None and claim.started_at is None:
                claim.cancel(Verdict.stopped)
        self._workers.summon()

    def hurry(self) -> None:
        """Have `stop` wait no longer for running jobs."""
        self._patience_ends = self._clock.monotonic()
        self._progress.ring()

    async def _wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        end = self._clock.monotonic() + seconds
        while not condition() and (left := end - self._clock.monotonic()) > 0:
            await self._progress.sleep(left)

    def _abandon(self) -> None:
        """Record what still runs although it was cancelled; how it ends will not be recorded."""
        for claim in self._claims.values():
            if claim.scope is not None:
                self._log.goes_on(claim.job)
                claim.verdict = Verdict.lost
                now = self._time.at(self._clock.monotonic())
                self._finished.append(stopped(claim.job, claim.task, now, claim.started_at))
        self._workers.summon()

    # what the workers do

    async def _work(self, worker: Worker) -> bool:
        if self._ready:
            claim = self._ready.popleft()
            if self._ready or self._hungry or self._when_unknown:
                self._workers.summon()  # this worker may be busy for long
            self._running += 1
            await self._runner.run(claim, worker)
            return True
        if self._exchanging or not self._anything_to_exchange():
            return False
        await self._exchange()
        return True

    def _anything_to_exchange(self) -> bool:
        if self._finished or self._lost:
            return True
        if self._closing or len(self._claims) >= self._limit:
            return False
        return self._hungry or self._when_unknown

    def _finish(self, claim: Claim, release: JobRelease | None) -> None:
        self._running -= 1
        if release is not None:
            self._finished.append(release)
        elif (held := self._claims.get(claim.job.id)) is not None:
            self._lost.append(claim)
            if held is claim:  # and not a newer claim of the same job
                del self._claims[claim.job.id]
        if self._closing:
            self._progress.ring()

    async def _exchange(self) -> None:
        self._exchanging = True
        try:
            if self._finished and self._together and not self._closing:
                await self._release_and_claim()
            else:
                await self._release()
                self._together = True
                if not self._closing:
                    await self._claim()
            if self._when_unknown and not (self._closing or self._hungry or self._ready):
                await self._find_out_when()
        except Exception as exc:  # noqa: BLE001 - a store may raise what its driver raises
            self._hungry = True
            await self._outage.wait(exc)
        else:
            self._outage.over()
        finally:
            self._exchanging = False
            if self._closing:
                self._progress.ring()

    async def _release_and_claim(self) -> None:
        """Record what has ended and claim as many jobs as there is room for then, in one go.

        If that fails it is done in two steps the next time, so that one cannot be in the way of the other.
        """
        await self._publish_losses()
        releases, self._finished = self._finished, []
        room = self._limit - len(self._claims) + len(releases)
        self._together = False
        asked = self._clock.monotonic()
        try:
            refused, acquired = await self._store.exchange_jobs(
                self._node.id, releases, self._node.lease_duration, room, self._node.accept
            )
        except BaseException:
            self._finished = releases + self._finished
            raise
        self._together = True
        await self._let_go(releases, refused)
        if acquired is None:
            await self._claim()
        else:
            self._hungry = False
            self._take(acquired, asked, room)

    async def _release(self) -> None:
        """Record what has ended."""
        await self._publish_losses()
        if not self._finished:
            return
        releases, self._finished = self._finished, []
        try:
            refused = await self._release_all(releases)
        except BaseException:
            self._finished = releases + self._finished
            raise
        await self._let_go(releases, refused)

    async def _let_go(self, releases: list[JobRelease], refused: Collection[UUID]) -> None:
        self._hungry = True  # there is room, and perhaps a task below its limit
        for release in releases:
            job = release.job
            claim = self._claims.get(job.id)
            if claim is None:
                continue
            if claim.job.token == job.token:  # and it is not a newer claim of the same job
                del self._claims[job.id]
            if refused and job.id in refused:
                await self._publish_loss(job)

    async def _release_all(self, releases: list[JobRelease]) -> set[UUID]:
        try:
            return await self._store.release_jobs(self._node.id, releases)
        except SerializationError as exc:
            if len(releases) == 1:
                return await self._store.release_jobs(
                    self._node.id, [_unserializable(releases[0], exc)]
                )
            refused: set[UUID] = set()
            for release in releases:
                refused |= await self._release_all([release])
            return refused

    async def _claim(self) -> None:
        """Claim as many jobs as there is room for."""
        room = self._limit - len(self._claims)
        if room <= 0 or not self._hungry:
            return
        self._hungry = False
        asked = self._clock.monotonic()
        acquired = await self._store.acquire_jobs(
            self._node.id, self._node.lease_duration, room, self._node.accept
        )
        self._take(acquired, asked, room)

    def _take(self, acquired: Acquired[Job], asked: float, room: int) -> None:
        """Have claimed jobs run. The leases count from when they were asked for."""
        now = self._clock.monotonic()
        self._time.set(acquired.at, now)
        deadline = asked + self._lease_seconds
        too_late = deadline - now < self._keeper.least_seconds
        if acquired.items and not self._claims:
            self._keeper.begin()
        for job in acquired.items:
            claim = self._claims[job.id] = Claim(job, deadline)
            if job.start_deadline is not None and acquired.at > job.start_deadline:
                self._log.missed(job, acquired.at)
                self._finished.append(ended(job, JobOutcome.missed_start_deadline, acquired.at))
            elif too_late:  # the answer took so long that the lease may end before it is renewed
                self._finished.append(handed_back(job))
            else:
                self._ready.append(claim)
        if self._closing:  # it was asked before
            self._hand_back()
        if acquired.items:
            self._fruitless = 0
            self._log.claimed(acquired.items, acquired.at, room)
        if len(acquired.items) == room:
            self._hungry = True
        else:
            self._when_unknown = True

    async def _find_out_when(self) -> None:
        """See that the data store is asked again: on a new job, when one is due, or after the polling interval."""
        self._wakeup.arm()
        self._when_unknown = False
        delay = await self._store.time_to_next_job(self._node.accept)
        if delay is None:
            seconds = self._polling_seconds
        elif delay.total_seconds() > 0:
            seconds = min(delay.total_seconds(), self._polling_seconds)
        elif self._fruitless == 0:
            self._fruitless += 1
            self._hungry = True  # something was added just now
            return
        else:  # it may be held by a worker that is gone
            await self._reap()
            seconds = min(
                FRUITLESS_PAUSE_SECONDS * 2 ** min(self._fruitless, 30),
                LONGEST_FRUITLESS_PAUSE_SECONDS,
            )
            self._fruitless += 1
        self._log.idle(seconds)
        look_at = self._clock.monotonic() + seconds
        earlier = look_at < self._look_at
        self._look_at = look_at
        if earlier:
            self._alarm.ring()

    async def _publish_losses(self) -> None:
        lost, self._lost = self._lost, []
        for claim in lost:
            await self._publish_loss(claim.job)

    async def _publish_loss(self, job: Job) -> None:
        self._log.lease_lost(job)
        await self._node.event_broker.publish_local(
            JobLeaseLost(
                timestamp=self._time.at(self._clock.monotonic()),
                job_id=job.id,
                scheduler_id=self._node.id,
                task_id=job.task_id,
                schedule_id=job.schedule_id,
            )
        )


def _unserializable(release: JobRelease, exc: SerializationError) -> JobRelease:
    """Say that a job failed because what it returned or raised cannot be stored."""
    result = release.result
    assert result is not None, "handing a job back stores nothing"
    error = SerializationError(str(exc))
    return JobRelease(
        job=release.job,
        result=evolve(result, outcome=JobOutcome.error, exception=error, return_value=None),
    )
