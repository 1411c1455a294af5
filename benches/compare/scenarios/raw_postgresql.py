"""What the PostgreSQL server gives to statements of the shape that a job queue needs: `raw_postgresql.py URL COUNT`.

One connection, the driver's own calls, nothing else: the limit for any queue on this server.
"""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter
from uuid import uuid4

import asyncpg

TABLE = """
CREATE TABLE raw_jobs (
    id uuid PRIMARY KEY, task_id text NOT NULL, args bytea NOT NULL, created_at timestamptz NOT NULL,
    priority int NOT NULL, owner text, token bigint NOT NULL, lease timestamptz
)"""
INDEX = "CREATE INDEX ON raw_jobs (priority, created_at) WHERE owner IS NULL"
INSERT = """
INSERT INTO raw_jobs
SELECT id, 'job', '\\x80', now(), 0, NULL, 0, NULL FROM unnest($1::uuid[]) AS id"""
CLAIM = """
UPDATE raw_jobs SET owner = 'me', token = token + 1, lease = now() + interval '30 s'
WHERE id IN (
    SELECT id FROM raw_jobs WHERE owner IS NULL ORDER BY priority, created_at LIMIT 100 FOR UPDATE SKIP LOCKED
) RETURNING *"""
DELETE = "DELETE FROM raw_jobs WHERE id = ANY($1::uuid[]) AND owner = 'me'"


async def main(url: str, count: int) -> dict[str, float]:
    """Measure round trips, single inserts, inserts by the thousand, and claims and deletes by the hundred."""
    connection = await asyncpg.connect(url)
    await connection.execute(TABLE)
    await connection.execute(INDEX)
    rates = {}
    begin = perf_counter()
    for _ in range(2000):
        await connection.fetchval("SELECT 1")
    rates["round trips"] = 2000 / (perf_counter() - begin)
    begin = perf_counter()
    for _ in range(1000):
        await connection.execute(INSERT, [uuid4()])
    rates["add"] = 1000 / (perf_counter() - begin)
    rest = count - 1000
    begin = perf_counter()
    for _ in range(0, rest, 1000):
        await connection.execute(INSERT, [uuid4() for _ in range(1000)])
    rates["add in bulk"] = rest / (perf_counter() - begin)
    begin = perf_counter()
    ran = 0
    while rows := await connection.fetch(CLAIM):
        await connection.execute(DELETE, [row["id"] for row in rows])
        ran += len(rows)
    rates["run"] = ran / (perf_counter() - begin)
    await connection.close()
    return rates


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2])))))
