"""Steps that PostgreSQL takes in one statement each, where other databases need several.

What a lock is to guard must be read by a later statement than the one that took the lock: a statement sees what had
been committed when it began.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import (
    BigInteger,
    LargeBinary,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    lateral,
    literal_column,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import Uuid

from rota.datastores.sql._dialect import by_id_only, held
from rota.datastores.sql.tables import JobState

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Select, Update
    from sqlalchemy.sql.dml import UpdateBase

    from rota.datastores.sql.tables import Tables

__all__ = [
    "claim_due",
    "claim_jobs",
    "free_slots",
    "heads",
    "lock_slots",
    "marking",
    "take_jobs",
]

S = TypeVar("S", bound="UpdateBase")


def marking(step: S, tables: Tables, now: ColumnElement[int], found: CTE | None = None) -> S:
    """Have a step leave the mark of its transaction and remove that of the last one, see `marks`.

    :param found: leave it only if there is anything here
    """
    c = tables.operations.c
    row = select(bindparam("p_mark", type_=Uuid()), now)
    if found is not None:
        row = row.where(exists(select(literal_column("1")).select_from(found)))
    leave = insert(tables.operations).from_select([c.id, c.at], row).on_conflict_do_nothing()
    last = delete(tables.operations).where(c.id == bindparam("p_last_mark", type_=Uuid()))
    return step.add_cte(leave.cte("mark"), last.cte("last_mark"))


def free_slots(tables: Tables) -> ColumnElement[int]:
    """Return how many more jobs of a task may start.

    Those that run are counted in the order of an index, because PostgreSQL then reads nothing but that. Otherwise it
    may choose to collect the places of all jobs that have ever run and look into each, until the table is vacuumed.
    """
    jobs, tasks = tables.jobs, tables.tasks
    running = (
        select(jobs.c.rank)
        .where(jobs.c.state == JobState.running.sql, jobs.c.task_id == tasks.c.id)
        .order_by(jobs.c.rank)
        .limit(tasks.c.max_running_jobs)
        .correlate(tasks)
        .subquery("running")
    )
    return tasks.c.max_running_jobs - select(func.count(running.c.rank)).scalar_subquery()


def heads(tables: Tables) -> CTE:
    """Jump from task to task in the index; return the limited tasks with ready jobs, each with its first rank."""
    c = tables.jobs.c
    first = (
        select(c.task_id, c.rank)
        .where(c.state == JobState.limited.sql)
        .order_by(c.task_id, c.rank)
        .limit(literal_column("1"))
    )
    found = select(first.subquery()).cte("heads", recursive=True)
    following = lateral(first.where(c.task_id > found.c.task_id))
    return found.union_all(select(following).select_from(found.join(following, true())))


@lru_cache
def lock_slots(tables: Tables, now: ColumnElement[int]) -> Select[Any]:
    """Lock the slots of limited tasks that have ready jobs; return their ids with their first ranks, and the time.

    Tasks that seem to have no room are left out. A limit of more jobs than are wanted is taken for room: what runs is
    counted after the lock was had, in any case. Only if jobs of all these tasks cannot be claimed at once, so that some
    could hide others, is it counted before for all of them.
    """
    jobs, tasks, slots = tables.jobs, tables.tasks, tables.slots
    ready, limit = heads(tables), bindparam("p_limit", type_=BigInteger())
    are_few = select(func.count()).select_from(ready).scalar_subquery() <= limit
    hopeful = (
        select(ready.c.task_id)
        .join(tasks, tasks.c.id == ready.c.task_id)
        .where(
            case(
                (and_(are_few, tasks.c.max_running_jobs > limit), true()),
                else_=free_slots(tables) > 0,
            )
        )
        .order_by(ready.c.rank)
        .limit(limit)
    )
    locked = (
        select(slots.c.task_id)
        .where(slots.c.task_id.in_(hopeful))
        .with_for_update(skip_locked=True)
        .cte("locked")
    )
    delayed = select(func.min(jobs.c.until)).where(jobs.c.state == JobState.delayed.sql)
    found = (
        select(
            func.array_agg(locked.c.task_id).label("task_ids"),
            func.array_agg(ready.c.rank, type_=ARRAY(LargeBinary())).label("ranks"),
        )
        .select_from(locked.join(ready, ready.c.task_id == locked.c.task_id))
        .subquery("found")
    )
    return select(
        now.label("now"),
        delayed.scalar_subquery().label("delayed"),
        found.c.task_ids,
        found.c.ranks,
    )


@lru_cache
def claim_jobs(tables: Tables, now: ColumnElement[int], *, marks: bool) -> Update:
    """Claim the first jobs among those without a limit and those of tasks whose slots are locked.

    :param marks: leave the mark of the transaction, which another step may have done
    """
    jobs, tasks = tables.jobs, tables.tasks
    c, limit = jobs.c, bindparam("p_limit", type_=BigInteger())
    locked = (
        func.unnest(
            bindparam("p_task_ids", type_=ARRAY(Text(), dimensions=1)),
            bindparam("p_ranks", type_=ARRAY(LargeBinary(), dimensions=1)),
        )
        .table_valued("task_id", "rank", name="locked")
        .render_derived()
    )
    room = (
        select(tasks.c.id, locked.c.rank, func.least(free_slots(tables), limit).label("room"))
        .select_from(locked.join(tasks, tasks.c.id == locked.c.task_id))
        .cte("room")
    )
    limited = lateral(
        select(c.id, c.rank)
        .where(c.state == JobState.limited.sql, c.task_id == room.c.id, c.rank >= room.c.rank)
        .order_by(c.rank)
        .limit(func.greatest(room.c.room, 0))
        .with_for_update(skip_locked=True)
    )
    unlimited = (
        select(c.id, c.rank)
        .where(c.state == JobState.open.sql)
        .order_by(c.rank)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .subquery()
    )
    ready = union_all(
        select(limited.c.id, limited.c.rank).select_from(room.join(limited, true())),
        select(unlimited.c.id, unlimited.c.rank),
    ).subquery()
    picked = select(ready.c.id).order_by(ready.c.rank).limit(limit).cte("picked")
    claimed = (
        update(jobs)
        .where(c.id == picked.c.id)
        .values(
            state=JobState.running.sql,
            until=bindparam("p_until"),
            acquired_by=bindparam("p_owner"),
            token=c.token + 1,
        )
        .returning(*c)
    )
    return marking(claimed, tables, now, picked) if marks else claimed


@lru_cache
def take_jobs(tables: Tables, now: ColumnElement[int]) -> UpdateBase:
    """Remove jobs whose claims are current; return their ids, and the time."""
    c = tables.jobs.c
    given = (
        func.unnest(
            bindparam("p_ids", type_=ARRAY(Uuid(), dimensions=1)),
            bindparam("p_tokens", type_=ARRAY(BigInteger(), dimensions=1)),
        )
        .table_valued("id", "token", name="given")
        .render_derived()
    )
    taken = (
        delete(tables.jobs)
        .where(c.id == given.c.id, by_id_only(held(c, given.c.token)))
        .returning(c.id, now.label("now"))
    )
    return marking(taken, tables, now)


@lru_cache
def claim_due(tables: Tables, now: ColumnElement[int]) -> Update:
    """Claim the schedules that are longest overdue; return them, and the time."""
    table, c = tables.schedules, tables.schedules.c
    due = (
        select(c.id)
        .where(
            c.due <= now + bindparam("p_ahead", type_=BigInteger()),
            or_(c.acquired_until.is_(None), c.acquired_until <= now),
        )
        .order_by(c.due)
        .limit(bindparam("p_limit"))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    claimed = (
        update(table)
        .where(c.id == due.c.id)
        .values(
            acquired_by=bindparam("p_owner"),
            acquired_until=now + bindparam("p_lease", type_=BigInteger()),
            token=c.token + 1,
        )
        .returning(*c, now.label("now"))
    )
    return marking(claimed, tables, now, due)
