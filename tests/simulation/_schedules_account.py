"""The observer's account of schedules: claims and tokens, and what became of every due time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from rota import CoalescePolicy, OverlapPolicy
from tests.simulation._series import Series, kept, micros

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence, Sized

    from rota.datastores.memory import MemoryDataStore
    from rota.model import Job, Schedule, ScheduleResult
    from tests.simulation._machine import MachineClock


@define(eq=False)
class Claim:
    """A claim that the store has granted."""

    owner: str
    token: int
    until: float


@define(eq=False)
class Entry:
    """What is known of a schedule.

    :param series: its fire times; `None` if its trigger is not one to be trusted
    :param cursor: the due time up to which all is accounted for, exclusive; `None` when it has ended
    :param last: the latest fire time that has a job, or was passed over because an earlier job went on
    :param token: the highest one seen
    :param skips: whether somebody is about to skip due times, or to put it back
    :param restored: whether it was put back, and has not advanced since: it does not know what it has fired for
    :param overdue_since: since when it could be claimed
    """

    policy: CoalescePolicy
    overlap: OverlapPolicy
    series: Series | None
    cursor: int | None
    paused: bool
    last: int | None = None
    token: int = 0
    claim: Claim | None = None
    skips: bool = False
    restored: bool = False
    error: bool = False
    overdue_since: float = 0.0


@define(eq=False)
class SchedulesAccount:
    """All schedules.

    :param taken: the fire times that have had their job, by schedule
    :param busy: by node, which of the schedules that it advances have unfinished jobs, as far as it knows
    :param owed: due times for which a job is still to be made, although their schedule has gone past them
    :param counts: how many due times ended in which way before there was a job
    """

    inner: MemoryDataStore
    clock: MachineClock
    lease_seconds: float
    wrong: Callable[[str, str], None]
    entries: dict[str, Entry] = field(factory=dict)
    taken: set[tuple[str, int]] = field(factory=set)
    owed: set[tuple[str, int]] = field(factory=set)
    busy: dict[str, set[str]] = field(factory=dict)
    counts: dict[str, int] = field(
        factory=lambda: dict.fromkeys(("jobs", "coalesced", "skipped", "overlapping"), 0)
    )

    async def _row(self, schedule_id: str) -> Schedule | None:
        for schedule in await self.inner.get_schedules({schedule_id}):
            return schedule
        return None

    async def added(self, schedules: Sequence[Schedule]) -> None:
        """Book schedules that were added, or have replaced others."""
        for given in schedules:
            row = await self._row(given.id)
            if row is None:
                continue
            cursor = None if row.next_fire_time is None else micros(row.next_fire_time)
            series, entry = Series.of(row.trigger), self.entries.get(given.id)
            if entry is None:
                entry = self.entries[given.id] = Entry(
                    row.coalesce, row.overlap, series, cursor, row.paused
                )
            elif entry.series != series:
                entry.series, entry.cursor = series, cursor
                if entry.restored:
                    entry.last = (
                        None  # with another trigger it may rightly fire for an earlier time
                    )
            elif entry.cursor != cursor and series is not None:
                self.wrong("I4", f"replacing {given.id} by itself moved it to {row.next_fire_time}")
            entry.paused, entry.error = row.paused, row.error is not None
            if row.acquired_by is None:
                entry.claim = None

    async def updated(self, schedule: Schedule) -> None:
        """Book an update that was accepted."""
        entry, row = self.entries[schedule.id], await self._row(schedule.id)
        assert row is not None, "it was updated just now"
        if schedule.token < entry.token:
            self.wrong(
                "I2", f"update of {schedule.id} with token {schedule.token} of {entry.token}"
            )
        cursor = None if row.next_fire_time is None else micros(row.next_fire_time)
        if cursor != entry.cursor and entry.series is not None:
            if not entry.skips or cursor is None or entry.cursor is None:
                self.wrong("I4", f"an update moved {schedule.id} to {row.next_fire_time}")
            else:
                self.counts["skipped"] += len(entry.series.between(entry.cursor, cursor))
        entry.cursor, entry.paused, entry.error = cursor, row.paused, row.error is not None
        entry.claim = None
        entry.token = max(entry.token, row.token)

    def restored(self, schedule_id: str) -> None:
        """Book that a schedule was put back: what it passed over since may become jobs after all."""
        entry = self.entries[schedule_id]
        entry.restored = True
        entry.last = max((time for id_, time in self.taken if id_ == schedule_id), default=None)

    def claimed(self, owner: str, schedules: Sequence[Schedule]) -> None:
        """Book claims."""
        now = self.clock.monotonic()
        for schedule in schedules:
            entry = self.entries[schedule.id]
            if entry.claim is not None and entry.claim.until > now:
                self.wrong(
                    "I2", f"{schedule.id} was claimed from {entry.claim.owner}, whose lease runs"
                )
            if schedule.token <= entry.token:
                self.wrong("I2", f"token {schedule.token} of {schedule.id} after {entry.token}")
            if entry.paused:
                self.wrong("I4", f"{schedule.id} was claimed although it is paused")
            entry.token = schedule.token
            entry.claim = Claim(owner, schedule.token, now + self.lease_seconds)

    def looked(
        self, node: str, schedule_ids: Collection[str], unfinished: Mapping[str, Sized]
    ) -> None:
        """Book which schedules that a node is about to advance have unfinished jobs, as far as it was told."""
        self.busy[node] = {id_ for id_ in schedule_ids if unfinished.get(id_)}

    async def released(
        self, node: str, owner: str, results: Sequence[ScheduleResult], refused: Collection[str]
    ) -> list[Job]:
        """Book advances that were accepted; return the jobs that they have made."""
        made: list[Job] = []
        for result in results:
            if result.schedule_id in refused:
                continue
            entry = self.entries[result.schedule_id]
            claim, entry.claim = entry.claim, None
            if claim is None or (claim.owner, claim.token) != (owner, result.token):
                held = "nobody holds it" if claim is None else f"{claim.owner} holds it"
                self.wrong("I2", f"{owner} advanced {result.schedule_id}, but {held}")
            if result.error is not None:
                entry.error = True
                continue
            busy = self.busy.get(node, ())
            made += await self._advance(entry, result, result.schedule_id in busy)
        return made

    async def _advance(self, entry: Entry, result: ScheduleResult, unfinished: bool) -> list[Job]:
        following = None if result.next_fire_time is None else micros(result.next_fire_time)
        made = await self.inner.get_jobs({job.id for job in result.jobs})
        if entry.series is not None:
            assert entry.cursor is not None, "it was claimed"
            due = entry.series.between(entry.cursor, following)
            self._account(entry, result, due, unfinished)
            if following is not None and (following - entry.series.start) % entry.series.step:
                self.wrong("I4", f"{result.schedule_id} is due next at {result.next_fire_time}")
        entry.cursor, entry.restored = following, False
        added = {job.id for job in made}
        for job in result.jobs if entry.series is not None else ():
            if job.id not in added and self._key(job) not in self.taken:
                self.wrong(
                    "I4",
                    f"the job of {result.schedule_id} for {job.original_scheduled_time} vanished",
                )
        self._take(made)
        return made

    def _account(
        self, entry: Entry, result: ScheduleResult, due: list[int], unfinished: bool
    ) -> None:
        """Check that of the due times those become jobs that are to, and no others."""
        if due and due[-1] > micros(self.clock.now()):
            self.wrong("I4", f"{result.schedule_id} fired before it was due")
        jobs = [self._key(job)[1] for job in result.jobs]
        new = [time for time in due if entry.last is None or time > entry.last]
        choices = kept(due, entry.policy), kept(new, entry.policy)
        if entry.overlap is OverlapPolicy.skip and unfinished:
            if jobs:
                self.wrong(
                    "I11", f"{result.schedule_id} gave a job although an earlier one goes on"
                )
            self.counts["overlapping"] += len(due)
            entry.last = max([*due, *filter(None, [entry.last])], default=None)
            return
        if due and not jobs and new:
            self.owed |= {(result.schedule_id, time) for time in choices[1]}
        elif jobs not in choices:
            self.wrong("I4", f"{result.schedule_id}: {due} were due, and {jobs} became jobs")
        self.counts["coalesced"] += len(due) - len(jobs)

    def paid(self, jobs: Sequence[Job]) -> None:
        """Book jobs that were not made together with an advance."""
        jobs = [job for job in jobs if job.schedule_id is not None]
        self.owed -= {self._key(job) for job in jobs}
        self._take(jobs)

    def _take(self, jobs: Sequence[Job]) -> None:
        for job in sorted(jobs, key=self._key):
            key = self._key(job)
            entry = self.entries[key[0]]
            if key in self.taken:
                self.wrong("I1", f"a second job of {key[0]} for {job.original_scheduled_time}")
            elif entry.last is not None and key[1] <= entry.last:
                self.wrong(
                    "I3", f"{key[0]} fired for {job.original_scheduled_time} after a later time"
                )
            self.taken.add(key)
            entry.last = key[1]
            self.counts["jobs"] += 1

    @staticmethod
    def _key(job: Job) -> tuple[str, int]:
        assert job.schedule_id is not None, "it is the job of a schedule"
        assert job.original_scheduled_time is not None, "it is the job of a schedule"
        return job.schedule_id, micros(job.original_scheduled_time)

    def check_lateness(self, calm_since: float, bound: float) -> None:
        """Check that no schedule has been due for too long since faults have stopped."""
        now, wall = self.clock.monotonic(), micros(self.clock.now())
        for schedule_id, entry in self.entries.items():
            asleep = entry.series is None or entry.cursor is None or entry.paused or entry.error
            if asleep or entry.cursor is None or entry.cursor > wall:
                continue
            since = max(calm_since, now - (wall - entry.cursor) / 1e6)
            if now - since > bound:
                self.wrong(
                    "I7", f"{schedule_id} has been due for {now - since:.3f} s and nobody took it"
                )

    def check_end(self) -> None:
        """Check that nothing is left when all series have ended."""
        for schedule_id, entry in self.entries.items():
            if entry.cursor is not None and not entry.error and entry.series is not None:
                self.wrong("I4", f"{schedule_id} never came to its end")
        for schedule_id, time in sorted(self.owed):
            self.wrong("I4", f"the due time {time} of {schedule_id} vanished")
