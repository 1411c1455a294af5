"""Schedules: added, claimed when they are due, advanced."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from attrs import define, field

from rota.datastores._memory.leases import Lease, Leases
from rota.datastores._memory.rows import (
    Row,
    advanced,
    are_alike,
    replacement_of,
    row_of,
    snapshot,
)
from rota.model import ConflictingIdError, ConflictPolicy, SerializationError
from rota.model._failure import in_short

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from rota.datastores._memory.tasks import TaskTable
    from rota.model import Job, Schedule, ScheduleResult

__all__ = ["Progress", "ScheduleTable", "Unreadable"]

_SLACK = 64


@define(eq=False)
class _Claim:
    lease: Lease[str]
    token: int


@define
class Unreadable:
    """A schedule whose trigger cannot be copied, and why."""

    schedule_id: str
    exception: Exception


@define
class Progress:
    """What releasing schedules has led to.

    :param refused: the ids of those whose claims were not current
    :param jobs: what they ask to be added
    :param advanced: those that are due another time
    :param finished: those that were removed because they are not
    :param set_aside: those that failed
    """

    refused: set[str] = field(factory=set)
    jobs: list[Job] = field(factory=list)
    advanced: list[Row] = field(factory=list)
    finished: list[Row] = field(factory=list)
    set_aside: list[Row] = field(factory=list)


class ScheduleTable:
    """All schedules.

    `_due` is a heap of rows. A row in it that is no longer the row of its schedule is passed over when it comes up. A
    claim takes the row out; when its lease has ended the row is put back, and the claim stays current until
    somebody else takes it.
    """

    def __init__(self, tasks: TaskTable, next_token: Callable[[], int]) -> None:
        self._tasks = tasks
        self._next_token = next_token
        self._rows: dict[str, Row] = {}
        self._due: list[Row] = []
        self._claims: dict[str, _Claim] = {}
        self._leases: Leases[str] = Leases()

    # adding, updating, removing

    def add(
        self, schedules: Iterable[Schedule], policy: ConflictPolicy
    ) -> tuple[list[Row], list[Row]]:
        """Add all schedules or none; return the rows of new schedules, and those of replaced ones."""
        added: dict[str, Row] = {}
        replaced: dict[str, Row] = {}
        stored, check_task = self._rows, self._tasks.get
        for schedule in schedules:
            check_task(schedule.task_id)
            id_ = schedule.id
            there = stored.get(id_) or added.get(id_)
            if there is None:
                added[id_] = row_of(schedule, self._next_token())
            elif policy is ConflictPolicy.exception:
                raise ConflictingIdError(id_)
            elif policy is ConflictPolicy.replace:
                rows = replaced if id_ in stored else added
                there = rows.get(id_, there)
                row = replacement_of(there, schedule, self._next_token())
                rows[id_] = there if are_alike(there, row) else row
        for id_, row in added.items():
            self._put(id_, row)
        for id_, row in replaced.items():
            if row is not stored[id_]:
                self._remove(id_)
                self._put(id_, row)
        return list(added.values()), list(replaced.values())

    def update(self, schedule: Schedule) -> Row | None:
        """Overwrite a schedule whose token is still the given one; return its new row."""
        there = self._rows.get(schedule.id)
        if there is None or self._token(there) != schedule.token:
            return None
        self._tasks.get(schedule.task_id)
        row = row_of(schedule, self._next_token())
        self._remove(row.id)
        self._put(row.id, row)
        return row

    def remove(self, ids: Iterable[str]) -> list[Row]:
        """Remove schedules; return the rows of those that there were."""
        return [self._remove(id_) for id_ in dict.fromkeys(ids) if id_ in self._rows]

    def _put(self, id_: str, row: Row) -> None:
        self._tasks.get(row.settings.task_id).schedules += 1
        self._set(id_, row)

    def _set(self, id_: str, row: Row) -> None:
        self._rows[id_] = row
        if row.is_awake:
            self._await(row)

    def _remove(self, id_: str) -> Row:
        row = self._rows.pop(id_)
        self._tasks.get(row.task_id).schedules -= 1
        self._end_claim(id_)
        return row

    def _end_claim(self, id_: str) -> None:
        claim = self._claims.pop(id_, None)
        if claim is not None:
            self._leases.give_back(claim.lease, id_)

    def _await(self, row: Row) -> None:
        heappush(self._due, row)
        if len(self._due) > 2 * len(self._rows) + _SLACK:
            self._due = [each for each in self._rows.values() if each.is_awake]
            heapify(self._due)

    # looking

    def get(self, ids: Collection[str] | None) -> tuple[list[Schedule], list[Unreadable]]:
        """Return the schedules with these ids, or all, ordered by id; and those whose triggers cannot be copied."""
        found: list[Schedule] = []
        unreadable: list[Unreadable] = []
        for id_ in sorted(self._rows if ids is None else set(ids)):
            row, claim = self._rows.get(id_), self._claims.get(id_)
            if row is None:
                continue
            owner = None if claim is None else claim.lease.owner
            until = None if claim is None else claim.lease.until
            try:
                found.append(snapshot(row, self._token(row), owner, until))
            except Exception as exc:  # noqa: BLE001 - copying a user's trigger may raise anything
                unreadable.append(Unreadable(id_, exc))
        return found, unreadable

    def _token(self, row: Row) -> int:
        claim = self._claims.get(row.id)
        return row.token if claim is None else claim.token

    def time_to_next(self, now: datetime) -> timedelta | None:
        """Return how long until a schedule is due or a lease ends; zero or less if there is one now."""
        row, end = self._first_due(now), self._leases.first_end()
        if row is not None and (end is None or row.due < end):
            return row.due - now
        return None if end is None else end - now

    def _first_due(self, now: datetime) -> Row | None:
        """Return the first row that is free to be claimed when it is due."""
        while self._due:
            row = self._due[0]
            id_ = row.id
            if self._rows.get(id_) is row:
                claim = self._claims.get(id_)
                if claim is None or claim.lease.until <= now:
                    return row
            heappop(self._due)
        return None

    def due(self, now: datetime) -> list[Row]:
        """Return the schedules that are due, claimed ones too, at a cost that does not grow with the others."""
        ids = set(self._claims)
        places = [0]
        while places:
            place = places.pop()
            if place < len(self._due) and self._due[place].due <= now:
                row = self._due[place]
                if self._rows.get(row.id) is row:
                    ids.add(row.id)
                places += (
                    2 * place + 1,
                    2 * place + 2,
                )  # the children in the heap, which are no earlier
        return [self._rows[id_] for id_ in ids]

    # claiming

    def acquire(
        self, owner: str, until: datetime, limit: int, now: datetime, due_by: datetime
    ) -> tuple[list[Schedule], list[Unreadable]]:
        """Claim up to `limit` schedules that are due by a time, the earliest first; set aside what cannot be copied."""
        self._take_back(now)
        lease = self._leases.grant(owner, until)
        claimed: list[Schedule] = []
        unreadable: list[Unreadable] = []
        while len(claimed) < limit:
            row = self._first_due(now)
            if row is None or row.due > due_by:
                break
            heappop(self._due)
            id_ = row.id
            self._end_claim(id_)
            token = self._next_token()
            try:
                claimed.append(snapshot(row, token, owner, until))
            except Exception as exc:  # noqa: BLE001 - copying a user's trigger may raise anything
                unreadable.append(Unreadable(id_, exc))
                self._set_aside(id_, row, in_short(exc))
                continue
            self._claims[id_] = _Claim(lease, token)
            lease.items.add(id_)
        self._leases.close_if_empty(lease)
        return claimed, unreadable

    def _take_back(self, now: datetime) -> None:
        """Let schedules be claimed again whose leases have ended."""
        for lease in self._leases.pop_ended(now):
            for id_ in lease.items:
                self._await(self._rows[id_])

    def _set_aside(self, id_: str, row: Row, error: str) -> Row:
        failed = row._replace(token=self._next_token(), error=error)
        self._set(id_, failed)
        return failed

    def extend(self, owner: str, until: datetime, tokens: Mapping[str, int]) -> frozenset[str]:
        """Move claims into a new lease; return the ids of those that are not the owner's."""
        lease = self._leases.grant(owner, until)
        lost = []
        for id_, token in tokens.items():
            claim = self._current_claim(id_, owner, token)
            if claim is None:
                lost.append(id_)
                continue
            self._leases.give_back(claim.lease, id_)
            claim.lease = lease
            lease.items.add(id_)
        self._leases.close_if_empty(lease)
        return frozenset(lost)

    def _current_claim(self, id_: str, owner: str, token: int) -> _Claim | None:
        claim = self._claims.get(id_)
        if claim is None or claim.token != token or claim.lease.owner != owner:
            return None
        return claim

    # advancing

    def release(self, owner: str, results: Sequence[ScheduleResult]) -> Progress:
        """Advance schedules whose claims are the owner's. The jobs are left to be added by the caller."""
        progress = Progress()
        for result in results:
            for job in result.jobs:
                self._tasks.get(job.task_id)
        for result in results:
            id_ = result.schedule_id
            if self._current_claim(id_, owner, result.token) is None:
                progress.refused.add(id_)
            else:
                self._end_claim(id_)
                self._advance(id_, self._rows[id_], result, progress)
        return progress

    def _advance(self, id_: str, row: Row, result: ScheduleResult, progress: Progress) -> None:
        if result.error is not None:
            progress.set_aside.append(self._set_aside(id_, row, result.error))
            return
        if result.next_fire_time is None:
            progress.finished.append(self._remove(id_))
        else:
            try:
                following = advanced(row, result, self._next_token())
            except SerializationError as exc:
                progress.set_aside.append(self._set_aside(id_, row, str(exc)))
                return
            self._set(id_, following)
            progress.advanced.append(following)
        progress.jobs += result.jobs
