"""Unfinished jobs: queued, claimed within the limits of their tasks, released."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from rota.datastores._memory.agenda import Agenda
from rota.datastores._memory.leases import Leases
from rota.datastores._memory.records import (
    Record,
    claimed,
    fire_time_of,
    result_of,
    waiting_again,
)
from rota.datastores._memory.results import ResultTable
from rota.datastores._memory.turns import Turns
from rota.model import AbandonedPolicy, JobOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from rota.abc import JobFilter
    from rota.datastores._memory.agenda import Entry
    from rota.datastores._memory.leases import Lease
    from rota.datastores._memory.tasks import TaskQueue, TaskTable
    from rota.model import Job, JobRelease, JobResult

__all__ = ["Ended", "JobTable"]

#: Jobs that have ended (or at least an attempt has), and how.
Ended: TypeAlias = "list[tuple[Job, JobResult]]"


class JobTable:
    """All unfinished jobs, and the results of others.

    A job is in one of four places: in `waiting` or `delayed` of its task's queue, in a lease, or behind the serial job
    of its schedule that has its turn. Of the tasks,
    those with a free slot and a waiting job stand in `_ready` by their first jobs, those with delayed jobs in
    `_ripening` by when the first may start: so nobody ever looks at the jobs of a task that is at its limit.
    """

    def __init__(self, tasks: TaskTable, next_token: Callable[[], int]) -> None:
        self.results = ResultTable()
        self._tasks = tasks
        self._next_token = next_token
        # By the numbers of their ids, which are hashed natively.
        self._records: dict[int, Record] = {}
        self._of_schedules: dict[str, set[Record]] = {}
        self._turns = Turns()
        self._ready: Agenda[TaskQueue] = Agenda()
        self._ripening: Agenda[TaskQueue] = Agenda()
        self._deadlines: Agenda[Record] = Agenda()  # of jobs that nobody holds
        self._leases: Leases[Record] = Leases()
        self._cancelled: set[Record] = set()  # those that somebody holds

    # adding

    def add(self, jobs: Iterable[Job], now: datetime) -> list[Job]:
        """Add jobs whose tasks exist; return those that were not there, and whose fire times had no job."""
        added, touched = [], set()
        for job in jobs:
            number, fire_time = job.id.int, fire_time_of(job)
            if number in self._records or (fire_time and not self.results.take(fire_time)):
                continue
            queue = self._tasks.get(job.task_id)
            record = self._records[number] = Record.of(job, fire_time, queue)
            queue.jobs += 1
            if job.schedule_id is not None:
                self._of_schedules.setdefault(job.schedule_id, set()).add(record)
            if self._turns.take(record):
                self._enqueue(record, now)
            self._watch_deadline(record)
            touched.add(queue)
            added.append(job)
        self._offer(touched)
        return added

    def _enqueue(self, record: Record, now: datetime) -> None:
        job = record.job
        if job.not_before is not None and job.not_before > now:
            record.queue.delayed.put((job.not_before, job.id.int, record))
        else:
            record.queue.waiting.put(record.place)

    def _watch_deadline(self, record: Record) -> None:
        job = record.job
        if job.start_deadline is not None:
            self._deadlines.put((job.start_deadline, job.id.int, record))

    def _dequeue(self, record: Record) -> None:
        record.queue.waiting.discard(record)
        record.queue.delayed.discard(record)
        self._deadlines.discard(record)

    def _offer(self, queues: Iterable[TaskQueue]) -> None:
        """Bring `_ready` and `_ripening` in line with queues that have changed."""
        for queue in queues:
            _place(self._ready, queue, queue.head())
            _place(self._ripening, queue, queue.delayed.first())

    def limit_changed(self, queue: TaskQueue) -> None:
        """Note that the limit of a task has changed."""
        self._offer([queue])

    # looking

    def get(self, ids: Collection[UUID] | None) -> list[Job]:
        """Return the jobs with these ids, or all, ordered by creation time and id."""
        if ids is None:
            records: Iterable[Record] = self._records.values()
        else:
            records = self._found(ids)
        jobs = [record.snapshot() for record in records]
        return sorted(jobs, key=lambda job: (job.created_at, job.id.int))

    def _found(self, ids: Iterable[UUID]) -> list[Record]:
        numbers = dict.fromkeys(id_.int for id_ in ids)
        return [self._records[number] for number in numbers if number in self._records]

    def unfinished(self, schedule_ids: Iterable[str]) -> dict[str, dict[UUID, bool]]:
        """Return the jobs of some schedules, each with whether somebody holds it."""
        return {
            id_: {record.job.id: record.lease is not None for record in self._of_schedules[id_]}
            for id_ in dict.fromkeys(schedule_ids)
            if id_ in self._of_schedules
        }

    def time_to_next(self, now: datetime, accept: JobFilter | None) -> timedelta | None:
        """Return how long until a job can be claimed or a lease ends; zero or less if one can be now."""
        if any(accept is None or entry[-1].is_accepted(accept) for entry in self._ready):
            return timedelta(0)
        moments = [
            ripe
            for ripe, _, queue in self._ripening
            if queue.has_room() and (accept is None or queue.is_accepted(accept))
        ]
        if (end := self._leases.first_end()) is not None:
            moments.append(end)
        return min(moments) - now if moments else None

    def count(self, now: datetime) -> tuple[int, int, int]:
        """Return how many jobs may start, how many may not yet, and how many are claimed."""
        running = sum(record.lease is not None for record in self._records.values())
        delayed = sum(ripe > now for _, _, queue in self._ripening for ripe, *_ in queue.delayed)
        return len(self._records) - running - delayed, delayed, running

    # claiming

    def acquire(
        self, owner: str, until: datetime, limit: int, accept: JobFilter | None, now: datetime
    ) -> list[Job]:
        """Claim up to `limit` jobs, in order; never more of a task than its limit allows."""
        self._ripen(now)
        ready = self._ready if accept is None else self._accepted(accept)
        lease = self._leases.grant(owner, until)
        jobs: list[Job] = []
        touched = set()
        while ready and len(jobs) < limit:
            queue = ready.pop()
            touched.add(queue)
            rival = ready.first()
            head = queue.head()
            while head is not None and len(jobs) < limit and (rival is None or head < rival):
                jobs.append(self._claim(queue, lease))
                head = queue.head()
            if head is not None:
                ready.put((*head[:-1], queue))
        if accept is not None:
            self._offer(touched)
        self._leases.close_if_empty(lease)
        return jobs

    def _ripen(self, now: datetime) -> None:
        """Move jobs whose delay is over to those that may start."""
        while (first := self._ripening.first()) is not None and first[0] <= now:
            queue = self._ripening.pop()
            while (ripe := queue.delayed.first()) is not None and ripe[0] <= now:
                queue.waiting.put(queue.delayed.pop().place)
            self._offer([queue])

    def _accepted(self, accept: JobFilter) -> Agenda[TaskQueue]:
        accepted: Agenda[TaskQueue] = Agenda()
        for entry in self._ready:
            if entry[-1].is_accepted(accept):
                accepted.put(entry)
        return accepted

    def _claim(self, queue: TaskQueue, lease: Lease[Record]) -> Job:
        record = queue.waiting.pop()
        if record.job.start_deadline is not None:
            self._deadlines.discard(record)
        queue.running.add(record)
        lease.items.add(record)
        record.lease = lease
        record.job = claimed(record.job, lease.owner, lease.until, self._next_token())
        return record.job

    def extend(self, owner: str, until: datetime, tokens: Mapping[UUID, int]) -> frozenset[UUID]:
        """Move claims into a new lease; return the ids of those that are not the owner's."""
        lease = self._leases.grant(owner, until)
        lost = []
        for job_id, token in tokens.items():
            record = self._records.get(job_id.int)
            if record is None or record.lease is None or not record.is_held(owner, token):
                lost.append(job_id)
                continue
            self._leases.give_back(record.lease, record)
            record.lease = lease
            lease.items.add(record)
        self._leases.close_if_empty(lease)
        return frozenset(lost)

    # ending

    def release(
        self, owner: str, releases: Sequence[JobRelease], now: datetime
    ) -> tuple[set[UUID], Ended]:
        """End claims; return the ids of those that are not the owner's, and what has ended how."""
        refused: set[UUID] = set()
        ended: Ended = []
        touched = set()
        for release in releases:
            record = self._records.get(release.job.id.int)
            if record is None or not record.is_held(owner, release.job.token):
                refused.add(release.job.id)
                continue
            touched.add(record.queue)
            job, result = record.job, release.result
            if result is None and record.cancelled:
                result = result_of(job, JobOutcome.cancelled, now)
            if result is not None:
                ended.append((job, result))
            pause = release.run_again_after
            if result is None:
                self._wait_again(record, job.attempt, pause, job.start_deadline, now)
            elif pause is None or record.cancelled:
                self._finish(record, result, now)
            else:
                self._wait_again(record, job.attempt + 1, pause, None, now)
        self._offer(touched)
        return refused, ended

    def _wait_again(
        self,
        record: Record,
        attempt: int,
        pause: timedelta | None,
        start_deadline: datetime | None,
        now: datetime,
    ) -> None:
        self._unclaim(record)
        not_before = record.job.not_before if pause is None else now + pause
        record.job = waiting_again(record.job, attempt, not_before, start_deadline, None, None)
        self._enqueue(record, now)
        self._watch_deadline(record)

    def _unclaim(self, record: Record) -> None:
        if record.lease is not None:
            self._leases.give_back(record.lease, record)
            record.lease = None
            record.queue.running.discard(record)
            self._cancelled.discard(record)

    def _finish(self, record: Record, result: JobResult, now: datetime) -> None:
        """Remove a job that has ended; if it had a turn, the next one has it."""
        self._unclaim(record)
        record.queue.jobs -= 1
        del self._records[record.job.id.int]
        self._leave_schedule(record)
        following = self._turns.leave(record)
        if following is not None:
            self._enqueue(following, now)
            self._offer([following.queue])
        self.results.keep(result, record.fire_time)

    def _leave_schedule(self, record: Record) -> None:
        if (schedule_id := record.job.schedule_id) is not None:
            others = self._of_schedules[schedule_id]
            others.discard(record)
            if not others:
                del self._of_schedules[schedule_id]

    def cancel(self, ids: Iterable[UUID], now: datetime) -> tuple[set[UUID], Ended]:
        """End waiting jobs and mark others; return the ids of those that there are, and what has ended how."""
        found: set[UUID] = set()
        waiting = []
        for record in self._found(ids):
            found.add(record.job.id)
            if record.lease is None:
                waiting.append(record)
            else:
                record.cancelled = True
                self._cancelled.add(record)
        return found, self._end_waiting(waiting, JobOutcome.cancelled, now)

    def cancelled(self, owner: str) -> set[UUID]:
        """Return the ids of the owner's jobs that are marked."""
        return {r.job.id for r in self._cancelled if r.lease is not None and r.lease.owner == owner}

    def _end_waiting(self, records: Iterable[Record], outcome: JobOutcome, now: datetime) -> Ended:
        ended: Ended = []
        touched = set()
        for record in records:
            self._dequeue(record)
            touched.add(record.queue)
            result = result_of(record.job, outcome, now)
            ended.append((record.job, result))
            self._finish(record, result, now)
        self._offer(touched)
        return ended

    def reap(self, now: datetime) -> Ended:
        """End, or queue again, jobs whose leases have ended; end waiting jobs whose deadlines have passed."""
        ended: Ended = []
        touched = set()
        for lease in self._leases.pop_ended(now):
            for record in list(lease.items):
                touched.add(record.queue)
                ended.append((record.job, self._abandon(record, now)))
        self._offer(touched)
        late = []
        while (first := self._deadlines.first()) is not None and first[0] < now:
            late.append(self._deadlines.pop())
        return ended + self._end_waiting(late, JobOutcome.missed_start_deadline, now)

    def _abandon(self, record: Record, now: datetime) -> JobResult:
        outcome = JobOutcome.cancelled if record.cancelled else JobOutcome.abandoned
        result = result_of(record.job, outcome, now)
        again = record.queue.task.abandoned is AbandonedPolicy.run_again
        if again and not record.cancelled:
            self._wait_again(record, record.job.attempt + 1, None, None, now)
        else:
            self._finish(record, result, now)
        return result


def _place(agenda: Agenda[TaskQueue], queue: TaskQueue, first: Entry | None) -> None:
    """Put a queue where its first job stands."""
    if first is None:
        agenda.discard(queue)
    else:
        agenda.put((*first[:-1], queue))
