"""What an SQLite file gives to statements of the shape that a job queue needs: `raw_sqlite.py FILE COUNT`."""

from __future__ import annotations

import json
import sqlite3
import sys
from time import perf_counter
from uuid import uuid4

TABLE = """
CREATE TABLE raw_jobs (
    id BLOB PRIMARY KEY, task_id TEXT NOT NULL, args BLOB NOT NULL, created_at INTEGER NOT NULL,
    priority INTEGER NOT NULL, owner TEXT, token INTEGER NOT NULL, lease INTEGER
) WITHOUT ROWID"""
INDEX = "CREATE INDEX raw_jobs_waiting ON raw_jobs (priority, created_at) WHERE owner IS NULL"
INSERT = "INSERT INTO raw_jobs VALUES (?, 'job', x'80', 1, 0, NULL, 0, NULL)"
CLAIM = """
UPDATE raw_jobs SET owner = 'me', token = token + 1, lease = 30
WHERE id IN (SELECT id FROM raw_jobs WHERE owner IS NULL ORDER BY priority, created_at LIMIT 100)
RETURNING *"""
DELETE = "DELETE FROM raw_jobs WHERE id = ? AND owner = 'me'"


def main(path: str, count: int) -> dict[str, float]:
    """Measure single inserts, inserts by the thousand, and claims and deletes by the hundred."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute(
        "PRAGMA synchronous = full"
    )  # as rota has it: commits outlive a power failure
    connection.execute(TABLE)
    connection.execute(INDEX)
    rates = {}

    def transaction(statement: str, rows: list[tuple[bytes]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, rows)
        connection.execute("COMMIT")

    begin = perf_counter()
    for _ in range(1000):
        transaction(INSERT, [(uuid4().bytes,)])
    rates["add"] = 1000 / (perf_counter() - begin)
    rest = count - 1000
    begin = perf_counter()
    for _ in range(0, rest, 1000):
        transaction(INSERT, [(uuid4().bytes,) for _ in range(1000)])
    rates["add in bulk"] = rest / (perf_counter() - begin)
    begin = perf_counter()
    ran = 0
    while rows := connection.execute(CLAIM).fetchall():
        transaction(DELETE, [(row[0],) for row in rows])
        ran += len(rows)
    rates["run"] = ran / (perf_counter() - begin)
    connection.close()
    return rates


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
