"""Makes an empty database for a run: `database.py postgresql|mariadb NAME`; with a third argument only drops it."""

from __future__ import annotations

import asyncio
import sys


async def postgresql(name: str, create: bool) -> None:
    """Drop and create the database on the local server."""
    import asyncpg

    connection = await asyncpg.connect("postgresql://postgres@127.0.0.1/test")
    await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    if create:
        await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()


async def mariadb(name: str, create: bool) -> None:
    """Drop and create the database on the local server."""
    import asyncmy

    connection = await asyncmy.connect(host="127.0.0.1", user="root", autocommit=True)
    async with connection.cursor() as cursor:
        await cursor.execute("SET sql_notes = 0")
        await cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        if create:
            await cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    connection.close()


if __name__ == "__main__":
    server = {"postgresql": postgresql, "mariadb": mariadb}[sys.argv[1]]
    asyncio.run(server(sys.argv[2], create=len(sys.argv) == 3))
