"""Runs the scenarios on databases: rota, APScheduler 4, job queues, and the databases themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benches.compare import environments
from benches.compare.peers import Peer
from benches.compare.targets import Target, table, target_table

SCENARIOS = Path(__file__).parent / "scenarios"
DATABASE = f"rota_bench_{os.getpid()}"  #: so that two runs do not meet
ADDRESSES = {
    "PostgreSQL": f"postgres@127.0.0.1:5432/{DATABASE}",
    "MariaDB": f"root@127.0.0.1:3306/{DATABASE}",
    "SQLite": "",
}
RAW = "the database itself"
OWN = "rota's own statements"  #: without rota

#: (database, peer, scenario, quantity) -> figures, then their median
Key = tuple[str, str, str, str]


def _peer(name: str, environment: str, *command: str) -> Peer:
    return Peer(name, environment, (str(SCENARIOS / command[0]), *command[1:]))


STORED = (1_000, 100_000, 1_000_000)
STATEMENTS = tuple(f"statements {stored}" for stored in STORED)

#: database -> what runs on it, and the scenarios with their counts; {} is the address
RUNS: dict[str, list[tuple[Peer, list[str]]]] = {
    "PostgreSQL": [
        (_peer(RAW, "rota-stores", "raw_postgresql.py", "postgresql://{}"), ["20000"]),
        (
            _peer("rota, asyncpg", "rota-stores", "stores.py", "rota", "postgresql+asyncpg://{}"),
            ["jobs 21000", "schedules 1000", "due 2000", "due 5000", "due 10000", *STATEMENTS],
        ),
        (
            _peer("rota, psycopg", "rota-stores", "stores.py", "rota", "postgresql+psycopg://{}"),
            ["jobs 21000", "schedules 1000", "due 2000"],
        ),
        (
            _peer(
                "APScheduler 4",
                "apscheduler4-stores",
                "stores.py",
                "apscheduler",
                "postgresql+asyncpg://{}",
            ),
            ["jobs 1000", "schedules 1000", "due 500", "due 1000"],
        ),
        (_peer("pgqueuer", "pgqueuer", "pgqueuer_.py", "postgresql://{}"), ["22000"]),
        (_peer("procrastinate", "procrastinate", "procrastinate_.py", "postgresql://{}"), ["3000"]),
    ],
    "SQLite": [
        (_peer(RAW, "rota-stores", "raw_sqlite.py", "{}"), ["20000"]),
        (_peer(OWN, "rota-stores", "replay_sqlite.py", "{}"), ["20000"]),
        (
            _peer("rota", "rota-stores", "stores.py", "rota", "sqlite:///{}"),
            ["jobs 21000", "schedules 1000", "due 1000", "due 3000"],
        ),
        (
            _peer(
                "APScheduler 4",
                "apscheduler4-stores",
                "stores.py",
                "apscheduler",
                "sqlite+aiosqlite:///{}",
            ),
            ["jobs 1000", "schedules 500", "due 200"],
        ),
        (_peer("huey", "huey", "huey_.py", "{}"), ["10000"]),
    ],
    "MariaDB": [
        (
            _peer("rota", "rota-stores", "stores.py", "rota", "mariadb+asyncmy://{}"),
            ["jobs 21000", "schedules 1000", "due 2000", "due 5000"],
        ),
    ],
}


def measure(repeats: int) -> dict[Key, float]:
    """Run everything `repeats` times in turn; keep medians."""
    samples: dict[Key, list[float]] = {}
    for repeat in range(repeats):
        for database, runs in RUNS.items():
            print(f"{database}: repeat {repeat + 1} of {repeats}", file=sys.stderr)
            for peer, scenarios in runs:
                for scenario in scenarios:
                    for quantity, figure in _run(database, peer, scenario).items():
                        key = (database, peer.name, scenario, quantity)
                        samples.setdefault(key, []).append(figure)
    return {key: median(figures) for key, figures in samples.items()}


def _run(database: str, peer: Peer, scenario: str) -> dict[str, float]:
    """Run a scenario on an empty database of its own; say on standard error if that fails."""
    with _empty(database) as address:
        command = [part.replace("{}", address) for part in peer.command()]
        try:
            ran = subprocess.run(
                [*command, *scenario.split()],
                env=peer.process_environment(),
                capture_output=True,
                text=True,
                check=True,
                timeout=180,
            )
        except (OSError, subprocess.SubprocessError) as error:
            output = str(getattr(error, "stderr", None) or error).strip()
            print(
                f"{database}, {peer.name}, {scenario}: {output.splitlines()[-1]}", file=sys.stderr
            )
            return {}
    figures: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return figures


@contextmanager
def _empty(database: str) -> Iterator[str]:
    """Make an empty database, and remove it afterwards."""
    if database == "SQLite":
        with tempfile.TemporaryDirectory() as folder:
            yield str(Path(folder, "bench.sqlite3"))
        return
    python = environments.python("rota-stores")
    command = [str(python), str(SCENARIOS / "database.py"), database.lower(), DATABASE]
    subprocess.run(command, check=True)
    try:
        yield ADDRESSES[database]
    finally:
        subprocess.run([*command, "drop"], check=True)


def report(found: dict[Key, float]) -> list[str]:
    """Return the Markdown of a run."""
    lines = []
    for database, runs in RUNS.items():
        lines += [f"{database}:", "", *_rates(found, database, [peer for peer, _ in runs]), ""]
    lines += [
        "1 000 due schedules from due to finished jobs on PostgreSQL, by the number stored:",
        "",
    ]
    return [*lines, *_statements(found), "", *target_table(_targets(found))]


def _best(
    found: dict[Key, float], database: str, peer: str, scenario: str, quantity: str
) -> float | None:
    """Return the highest rate of the runs of a scenario; a queue has one that goes by its count alone."""
    figures = [
        figure
        for (of, name, ran, what), figure in found.items()
        if (of, name, what) == (database, peer, quantity)
        and (ran.split()[0] == scenario or (scenario == "jobs" and ran.isdigit()))
    ]
    return max(figures, default=None)


COLUMNS = (
    ("add a job", "jobs", "add"),
    ("add jobs in groups", "jobs", "add in bulk"),
    ("run jobs", "jobs", "run"),
    ("add a schedule", "schedules", "add"),
    ("add schedules in groups", "schedules", "add in bulk"),
    ("due schedules run", "due", "run"),
)


def _rates(found: dict[Key, float], database: str, peers: list[Peer]) -> list[str]:
    rows = []
    for peer in peers:
        rates = [_best(found, database, peer.name, scenario, what) for _, scenario, what in COLUMNS]
        rows.append([peer.name, *("" if rate is None else f"{rate:,.0f}/s" for rate in rates)])
    return table(["", *(head for head, _, _ in COLUMNS)], rows, numbers_from=1)


def _statements(found: dict[Key, float]) -> list[str]:
    rows = []
    for stored, scenario in zip(STORED, STATEMENTS, strict=True):
        figures = [
            found.get(("PostgreSQL", "rota, asyncpg", scenario, what))
            for what in ("statements", "milliseconds")
        ]
        rows.append([f"{stored:,}", *("" if x is None else f"{x:,.0f}" for x in figures)])
    return table(["stored", "statements", "milliseconds"], rows, numbers_from=0)


def _targets(found: dict[Key, float]) -> list[Target]:
    mine = {"PostgreSQL": "rota, asyncpg", "SQLite": "rota", "MariaDB": "rota"}

    def times(
        database: str, peer: str, scenario: str, quantity: str, against: str = ""
    ) -> dict[str, float]:
        own = _best(found, database, mine[database], scenario, quantity)
        other = _best(found, database, peer, scenario, against or quantity)
        return {} if own is None or not other else {database: own / other}

    def rate(database: str) -> float | None:
        return _best(found, database, mine[database], "jobs", "run")

    late = found.get(("PostgreSQL", mine["PostgreSQL"], "due 2000", "p99 lateness"))
    servers = (rate("MariaDB"), rate("PostgreSQL"))
    apart = {"": servers[0] / servers[1]} if servers[0] and servers[1] else {}
    share = times("PostgreSQL", RAW, "jobs", "run") | times("SQLite", RAW, "jobs", "run")
    return [
        Target(
            "PostgreSQL: due schedules to finished jobs against APScheduler 4",
            20,
            times("PostgreSQL", "APScheduler 4", "due", "run"),
        ),
        Target(
            "PostgreSQL: running jobs against APScheduler 4",
            15,
            times("PostgreSQL", "APScheduler 4", "jobs", "run"),
        ),
        Target(
            "PostgreSQL: running jobs against pgqueuer",
            1,
            times("PostgreSQL", "pgqueuer", "jobs", "run"),
        ),
        Target(
            "PostgreSQL: adding jobs in groups against pgqueuer",
            1,
            times("PostgreSQL", "pgqueuer", "jobs", "add in bulk"),
        ),
        Target(
            "PostgreSQL: adding schedules in groups against APScheduler 4's single ones",
            50,
            times("PostgreSQL", "APScheduler 4", "schedules", "add in bulk", "add"),
        ),
        Target(
            "PostgreSQL: p99 lateness with 2 000 due in each second",
            0.25,
            {} if late is None else {"": late},
            at_most=True,
            form="{:.3f} s",
        ),
        Target(
            "SQLite: running jobs against APScheduler 4",
            15,
            times("SQLite", "APScheduler 4", "jobs", "run"),
        ),
        Target("SQLite: running jobs against huey", 1, times("SQLite", "huey", "jobs", "run")),
        Target(
            "SQLite: running jobs against its own statements, issued raw",
            0.5,
            times("SQLite", OWN, "jobs", "run"),
        ),
        Target("MariaDB: running jobs against PostgreSQL", 0.5, apart),
        Target("running jobs against the database itself", 0.5, share),
        Target("statements with 1 000 000 stored against 1 000", 1.1, _growth(found), at_most=True),
    ]


def _growth(found: dict[Key, float]) -> dict[str, float]:
    few, many = (
        found.get(("PostgreSQL", "rota, asyncpg", scenario, "statements"))
        for scenario in (STATEMENTS[0], STATEMENTS[-1])
    )
    return {"": many / few} if few and many else {}
