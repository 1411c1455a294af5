"""The tables, of schema version 2.

All times are microseconds since 1970 in UTC, in `BIGINT`s. Where a datetime comes back in a zone of its own, its offset
in seconds stands beside it; NULL is UTC. Enumerations are kept by name, positions of triggers and metadata as JSON.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    literal_column,
    null,
)

if TYPE_CHECKING:
    from rota.datastores.sql._dialect import Dialect

__all__ = ["RANK_BYTES", "WAITING", "JobState", "Tables"]

RANK_BYTES = 36


class JobState(IntEnum):
    """Where a job stands. The picker reads each state by an index that begins with it."""

    delayed = 0  #: it may not start before `until`
    open = 1  #: it may start at once, whatever else runs
    limited = 2  #: it may start if its task has a free slot
    running = 3  #: it is claimed; the lease ends at `until`
    blocked = 4  #: it is serial, and an earlier one of its schedule has not ended

    @property
    def sql(self) -> ColumnElement[int]:
        """The value as a literal, so that partial indexes are seen to apply."""
        return literal_column(str(self.value), Integer)


WAITING = (JobState.delayed, JobState.open, JobState.limited, JobState.blocked)


class Tables:
    """The tables of one store.

    :param prefix: what their names begin with
    :param schema: the schema (on MariaDB: the database) that they are in; `None` for the connection's own
    """

    def __init__(self, dialect: Dialect, prefix: str, schema: str | None) -> None:
        self.name: str = f"{schema}.{prefix}" if schema else prefix
        self.schema = schema
        self.metadata: MetaData = MetaData(schema=schema)
        self._dialect = dialect
        self._prefix = prefix
        self.version: Table = self._table(
            "schema_version", Column("version", Integer, nullable=False)
        )
        self.tasks: Table = self._tasks()
        self.slots: Table = self._table(
            "task_slots", Column("task_id", dialect.identifier, primary_key=True)
        )
        self.schedules: Table = self._schedules()
        self.jobs: Table = self._jobs()
        self.results: Table = self._results()
        self.operations: Table = self._operations()

    def _table(self, name: str, *columns: Column[Any]) -> Table:
        return Table(self._prefix + name, self.metadata, *columns, **self._dialect.table_options)

    def _index(
        self,
        name: str,
        *columns: Column[Any],
        where: ColumnElement[bool] | None = None,
        unique: bool = False,
    ) -> None:
        partial: dict[str, Any] = {}
        if where is not None:
            partial = {"postgresql_where": where, "sqlite_where": where}
        Index(self._prefix + name, *columns, unique=unique, **partial)

    def _tasks(self) -> Table:
        dialect = self._dialect
        return self._table(
            "tasks",
            Column("id", dialect.identifier, primary_key=True),
            Column("func", dialect.text),
            Column("job_executor", dialect.text, nullable=False),
            Column("max_running_jobs", Integer),
            Column("misfire_grace_time", dialect.micros),
            Column("metadata", dialect.text),
            Column("abandoned", String(20), nullable=False),
            Column("max_attempts", Integer, nullable=False),
            Column("first_delay", dialect.micros, nullable=False),
            Column("max_delay", dialect.micros, nullable=False),
            Column("timeout", dialect.micros),
            Column("tags", dialect.text),
        )

    def _schedules(self) -> Table:
        dialect = self._dialect
        table = self._table(
            "schedules",
            Column("id", dialect.identifier, primary_key=True),
            Column("task_id", dialect.identifier, nullable=False),
            Column("trigger", dialect.binary, nullable=False),
            Column("stateful", Boolean, nullable=False),  # the trigger's state is in `trigger`
            Column("cursor", dialect.text),
            Column("payload", dialect.binary),  # the arguments; NULL if there are none
            Column("paused", Boolean, nullable=False),
            Column("coalesce", String(20), nullable=False),
            Column("misfire_grace_time", dialect.micros),
            Column("max_jitter", dialect.micros),
            Column("job_executor", dialect.text, nullable=False),
            Column("job_result_expiration_time", dialect.micros, nullable=False),
            Column("metadata", dialect.text),
            Column("priority", Integer, nullable=False),
            Column("catch_up_window", dialect.micros),
            Column("overlap", String(20), nullable=False),
            Column("next_fire_time", dialect.micros),
            Column("next_offset", Integer),
            Column("last_fire_time", dialect.micros),
            Column("last_offset", Integer),
            Column("error", dialect.text),
            Column("due", dialect.micros),  # next_fire_time, or NULL if paused or set aside
            Column("token", dialect.micros, nullable=False),
            Column("acquired_by", dialect.identifier),
            Column("acquired_until", dialect.micros),
        )
        # No index has a column that a claim changes.
        self._index("schedules_due", table.c.due, where=table.c.due.is_not(null()))
        self._index("schedules_task", table.c.task_id)
        return table

    def _jobs(self) -> Table:
        dialect = self._dialect
        table = self._table(
            "jobs",
            Column("id", dialect.uuid, primary_key=True),
            Column("task_id", dialect.identifier, nullable=False),
            Column("payload", dialect.binary),
            Column("schedule_id", dialect.identifier),
            Column("nominal", dialect.micros),  # the fire time without jitter
            Column("scheduled_fire_time", dialect.micros),
            Column("scheduled_offset", Integer),
            Column("executor", dialect.text, nullable=False),
            Column("start_deadline", dialect.micros),
            Column("result_expiration_time", dialect.micros, nullable=False),
            Column("metadata", dialect.text),
            Column("priority", Integer, nullable=False),
            Column("not_before", dialect.micros),
            Column("attempt", Integer, nullable=False),
            Column("created_at", dialect.micros, nullable=False),
            Column("rank", dialect.rank, nullable=False),
            Column("state", dialect.small, nullable=False),
            Column("until", dialect.micros),
            Column("token", dialect.micros, nullable=False),
            Column("acquired_by", dialect.identifier),
            Column("cancelled", Boolean, nullable=False),
            Column("serial", Boolean, nullable=False),
        )
        c = table.c
        self._index(
            "jobs_fire_time",
            c.schedule_id,
            c.nominal,
            where=c.schedule_id.is_not(null()),
            unique=True,
        )
        self._index("jobs_open", c.state, c.rank, where=c.state == JobState.open.sql)
        self._index("jobs_task", c.state, c.task_id, c.rank)
        self.jobs_by_task: str = self._prefix + "jobs_task"
        self._index("jobs_until", c.state, c.until, where=c.until.is_not(null()))
        # Without the state, which changes with every claim; tables that were made earlier may still have it.
        self._index("jobs_deadline", c.start_deadline, where=c.start_deadline.is_not(null()))
        return table

    def _results(self) -> Table:
        dialect = self._dialect
        table = self._table(
            "job_results",
            Column("job_id", dialect.uuid, primary_key=True),
            Column("schedule_id", dialect.identifier),
            Column("nominal", dialect.micros),
            Column("outcome", String(30), nullable=False),
            Column("started_at", dialect.micros),
            Column("finished_at", dialect.micros, nullable=False),
            Column("expires_at", dialect.micros, nullable=False),
            Column("attempt", Integer, nullable=False),
            Column("return_value", dialect.binary),
            Column("exception", dialect.binary),
        )
        self._index(
            "job_results_fire_time",
            table.c.schedule_id,
            table.c.nominal,
            where=table.c.schedule_id.is_not(null()),
        )
        self._index("job_results_expires", table.c.expires_at)
        return table

    def _operations(self) -> Table:
        """Return the marks of recent transactions, by which a lost answer of the server is made up for."""
        dialect = self._dialect
        table = self._table(
            "operations",
            Column("id", dialect.uuid, primary_key=True),
            Column("at", dialect.micros, nullable=False),
        )
        self._index("operations_at", table.c.at)
        return table
