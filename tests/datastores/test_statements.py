"""Work is done by the set: statements do not grow in number with what is done, nor in cost with what is stored."""

from __future__ import annotations

import logging
import re
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field, frozen
from sqlalchemy import event, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from rota._environment import SystemClock
from rota.datastores.sql.engines import async_engine_for
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker
from rota.model import ConflictPolicy
from rota.testing._datastore._fixtures import (
    HOUR,
    LEASE,
    claim_jobs,
    claim_schedules,
    ended,
    fire,
    make_job,
    make_schedule,
    make_task,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from rota.model import Job
    from tests.datastores.conftest import Place

pytestmark = [pytest.mark.anyio, pytest.mark.once]

FEW, MANY = 10, 1_000
OLD = 5_000  #: rows of each kind that the picker has nothing to do with


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@define
class Ran:
    """Statements that were run, each with its parameters."""

    statements: list[tuple[str, Any]] = field(factory=list)


@frozen
class Bench:
    """A store, and its engine to look at."""

    store: SQLAlchemyDataStore
    engine: AsyncEngine

    @contextmanager
    def listening(self) -> Iterator[Ran]:
        ran = Ran()

        def note(_c: object, _cursor: object, statement: str, given: Any, *_: object) -> None:
            ran.statements.append((statement, given))

        event.listen(self.engine.sync_engine, "before_cursor_execute", note)
        yield ran
        event.remove(self.engine.sync_engine, "before_cursor_execute", note)


@pytest.fixture
async def bench(place: Place) -> AsyncIterator[Bench]:
    engine = async_engine_for(place.url)
    async with started(SQLAlchemyDataStore(engine, schema=place.schema)) as store:
        await store.add_task(make_task())
        await store.add_task(make_task("limited", max_running_jobs=MANY))
        yield Bench(store, engine)
    await engine.dispose()


@asynccontextmanager
async def started(store: SQLAlchemyDataStore) -> AsyncIterator[SQLAlchemyDataStore]:
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as exit_stack:
        broker = LocalEventBroker()
        await broker.start(exit_stack, logging.getLogger("rota"), SystemClock())
        await store.start(exit_stack, broker, logging.getLogger("rota"), SystemClock())
        yield store


async def work_through(bench: Bench, count: int) -> dict[str, int]:
    """Have schedules added, added again, claimed, extended and fired, and their jobs run; count the statements."""
    store, found = bench.store, {}
    schedules = [
        make_schedule(
            f"{count} {number}", task_id="limited" if number % 2 else "task", args=[number]
        )
        for number in range(count)
    ]
    with bench.listening() as ran:

        def count_as(name: str) -> None:
            found[name] = len(ran.statements)
            ran.statements.clear()

        await store.add_schedules(schedules, ConflictPolicy.exception)
        count_as("add schedules")
        await store.add_schedules(schedules, ConflictPolicy.replace)
        count_as("add the same schedules")
        claimed = await claim_schedules(store, limit=count)
        count_as("claim schedules")
        await store.extend_leases("A", LEASE, {each.id: each.token for each in claimed}, {})
        count_as("extend leases on schedules")
        assert await store.release_schedules("A", [fire(each) for each in claimed]) == set()
        count_as("release schedules")
        jobs = await claim_jobs(store, limit=count)
        assert len(jobs) == count
        count_as("claim jobs")
        await store.extend_leases("A", LEASE, {}, {each.id: each.token for each in jobs})
        count_as("extend leases on jobs")
        assert await store.release_jobs("A", await results(store, jobs)) == set()
        count_as("release jobs")
        await store.add_jobs([make_job(args=[number]) for number in range(count)])
        count_as("add jobs")
        again = await claim_jobs(store, limit=count)
        ran.statements.clear()
        assert await store.release_jobs("A", await results(store, again, HOUR)) == set()
        count_as("release jobs that run again")
        await store.cancel_jobs([each.id for each in again])
        count_as("cancel jobs")
        await store.remove_schedules([each.id for each in schedules])
        count_as("remove schedules")
    return found


async def results(
    store: SQLAlchemyDataStore, jobs: list[Job], again: timedelta | None = None
) -> list[Any]:
    now = await store.now()
    return [ended(each, now, run_again_after=again) for each in jobs]


async def test_number_of_statements_does_not_grow_with_the_set(bench: Bench) -> None:
    await work_through(bench, FEW)  # with what is done once for a connection
    assert await work_through(bench, FEW) == await work_through(bench, MANY)


@pytest.mark.parametrize("place", ["asyncpg"], indirect=True)
async def test_no_plan_that_is_kept_compares_each_row_with_each_of_a_set(bench: Bench) -> None:
    """PostgreSQL may keep the plans that it makes while tables are small, as those of a new store are."""
    executed: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        executed.append(statement)

    event.listen(bench.engine.sync_engine, "before_cursor_execute", note)
    await work_through(bench, FEW)
    event.remove(bench.engine.sync_engine, "before_cursor_execute", note)
    of_sets = {each for each in executed if "[]" in each}
    assert len(of_sets) > 10
    plans = {each: await kept_plan(bench, each) for each in of_sets}
    comparing = r"Filter: .*= ANY \(\$|Join Filter: (?!COALESCE)"
    assert {each: plan for each, plan in plans.items() if re.search(comparing, plan)} == {}


async def kept_plan(bench: Bench, statement: str) -> str:
    """Return the plan that is made for all values of the parameters, by the size of the tables now."""
    numbers = map(int, re.findall(r"\$(\d+)", statement))
    given = ", ".join(["NULL"] * max(numbers, default=0))
    async with bench.engine.connect() as connection:
        await connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.exec_driver_sql(f"PREPARE prepared AS {statement}")
        rows = await connection.exec_driver_sql(
            f"EXPLAIN EXECUTE prepared {given and f'({given})'}"
        )
        plan = "\n".join(row[0] for row in rows)
        await connection.exec_driver_sql("DEALLOCATE prepared")
    return plan


@pytest.mark.parametrize("place", ["asyncpg"], indirect=True)
async def test_no_plan_that_is_kept_looks_into_each_job_that_has_ended(bench: Bench) -> None:
    """Until the table is vacuumed, indexes still have the jobs that are gone; it takes their order to skip them."""
    store = bench.store
    await store.add_jobs([make_job(task_id="limited") for _ in range(4 * MANY)])
    with bench.listening() as ran:
        jobs = await claim_jobs(store, limit=MANY)
        await store.time_to_next_job()
    async with bench.engine.begin() as connection:
        await connection.execute(text(f"ANALYZE {store._base.tables.name}jobs"))
    claiming = {each for each, _ in ran.statements if "limited" in each or "heads" in each}
    claiming |= {each for each, _ in ran.statements if "state = 3" in each and "count(" in each}
    assert len(jobs) == MANY
    assert len(claiming) >= 3
    for statement in claiming:
        plan = await kept_plan(bench, statement)
        assert re.search(r"Index Cond: .*\(state = 3\)", plan), plan
        assert not re.search(r"(?:Filter|Recheck Cond): .*\(state = 3\)", plan), plan


#: the tables that grow
LARGE = "rota_(?:jobs|schedules|job_results)"
#: what a plan says where it reads a whole table, by dialect
SCANS = {
    "sqlite": rf"SCAN ({LARGE})\b(?!.*USING)",
    "postgresql": rf"Seq Scan on ({LARGE})\b",
}


async def fill(bench: Bench) -> None:
    """Store what is not to be looked at: schedules and jobs of later, results, and paused schedules."""
    store = bench.store
    later = await store.now() + 1_000 * HOUR
    schedules = [make_schedule(f"later {number}", later) for number in range(OLD)]
    schedules += [make_schedule(f"paused {number}", paused=True) for number in range(OLD)]
    await store.add_schedules(schedules, ConflictPolicy.exception)
    await store.add_jobs([make_job(result_expiration_time=HOUR) for _ in range(OLD)])
    jobs = await claim_jobs(store, limit=OLD)
    assert await store.release_jobs("A", await results(store, jobs)) == set()
    await store.add_jobs([make_job(not_before=later) for _ in range(OLD)])
    if _kind(bench) == "sqlite":  # it gathers no statistics unless it is told to
        return
    analyze = {
        "postgresql": "ANALYZE {0}jobs, {0}schedules, {0}job_results",
        "mysql": "ANALYZE TABLE {0}jobs, {0}schedules, {0}job_results",
    }
    async with bench.engine.begin() as connection:
        name = bench.store._base.tables.name
        statement = analyze[_kind(bench)].format(name)
        await connection.execute(text(statement))


def _kind(bench: Bench) -> str:
    name = bench.engine.dialect.name
    return "mysql" if name == "mariadb" else name


async def whole_tables_read(bench: Bench, statement: str, given: Any) -> list[str]:
    """Return the tables that a statement reads from end to end."""
    kind = _kind(bench)
    explain = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
    async with bench.engine.connect() as connection:
        rows = (await connection.exec_driver_sql(f"{explain} {statement}", given)).all()
    if kind == "mysql":
        return [
            row.table
            for row in rows
            if row.type in {"ALL", "index"} and re.match(LARGE, str(row.table))
        ]
    return re.findall(SCANS[kind], "\n".join(str(row[-1]) for row in rows))


async def test_picking_reads_nothing_that_is_old_or_for_later(bench: Bench) -> None:
    store = bench.store
    await fill(bench)
    await store.add_schedules([make_schedule("due")], ConflictPolicy.exception)
    jobs = [make_job(), make_job(task_id="limited"), make_job(result_expiration_time=HOUR)]
    await store.add_jobs(jobs)
    with bench.listening() as ran:
        assert await store.time_to_next_schedule() is not None
        (schedule,) = await claim_schedules(store, limit=100)
        assert await store.time_to_next_job() is not None
        claimed = await claim_jobs(store, limit=100)
        assert len(claimed) == 3
        await store.reap_jobs()
        await store.release_schedules("A", [fire(schedule)])
        await store.release_jobs("A", await results(store, claimed))
        await store.cleanup()
    queries = [pair for pair in ran.statements if re.match(r"\s*(SELECT|WITH|UPDATE)", pair[0])]
    assert len(queries) > 10
    read = {
        statement: await whole_tables_read(bench, statement, given) for statement, given in queries
    }
    assert {statement: tables for statement, tables in read.items() if tables} == {}


@pytest.mark.parametrize("place", ["mariadb"], indirect=True)
async def test_claiming_reads_few_of_the_ready_jobs(bench: Bench) -> None:
    """However many there are of its task, or of one at its limit that come first. The plans of MariaDB do not tell."""
    store = bench.store
    await store.add_jobs([make_job(task_id="limited") for _ in range(5_000)])
    with bench.listening() as ran:
        claimed = await claim_jobs(store, limit=100)
        await claim_jobs(store, limit=100)
        await store.add_task(make_task("full", max_running_jobs=1))
        await store.add_jobs([make_job(task_id="full", priority=1) for _ in range(5_000)])
        await claim_jobs(store, limit=1)
        assert {job.task_id for job in await claim_jobs(store, limit=100)} == {"limited"}
    assert len(claimed) == 100
    queries = [pair for pair in ran.statements if pair[0].startswith("SELECT")]
    assert len(queries) > 8
    read = {statement: await rows_read(bench, statement, given) for statement, given in queries}
    assert {statement: number for statement, number in read.items() if number > 400} == {}


async def rows_read(bench: Bench, statement: str, given: Any) -> int:
    """Return how many rows, or entries of indexes, MariaDB reads for a statement."""
    async with bench.engine.connect() as connection:
        await connection.exec_driver_sql("FLUSH STATUS")
        await connection.exec_driver_sql(statement, given)
        rows = await connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'")
        return sum(int(row["Value"]) for row in rows.mappings())


async def test_backlog_is_counted_in_one_statement_that_reads_no_later_schedules(
    bench: Bench,
) -> None:
    store = bench.store
    await fill(bench)
    await store.add_schedules([make_schedule("due")], ConflictPolicy.exception)
    with bench.listening() as ran:
        backlog = await store.backlog(FEW)
    assert (backlog.due_schedules, backlog.delayed_jobs) == (1, FEW)
    ((statement, given),) = [pair for pair in ran.statements if "SELECT" in pair[0]]
    tables = await whole_tables_read(bench, statement, given)
    assert not any("schedules" in table for table in tables)


@pytest.mark.parametrize("place", ["mariadb"], indirect=True)
async def test_marks_of_transactions_do_not_pile_up(bench: Bench) -> None:
    """MariaDB cannot be asked what became of a transaction, so each leaves a mark for a while."""
    store, marks = bench.store, bench.store._base.tables.operations
    for _ in range(10):
        await store.add_jobs([make_job()])
    two_hours = 7_200_000_000
    async with bench.engine.begin() as connection:
        await connection.execute(update(marks).values(at=marks.c.at - two_hours))
    await store.add_jobs([make_job()])
    await store.cleanup()
    async with bench.engine.connect() as connection:
        found = await connection.execute(select(func.count()).select_from(marks))
    assert found.scalar_one() == 1
