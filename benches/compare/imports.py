"""Times imports in fresh interpreters, interleaved."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from benches.compare.peers import APSCHEDULER_4, REFERENCE, RUST, Peer
from benches.compare.targets import Target, table, target_table

PACKAGES = {RUST: "rota", REFERENCE: "rota", APSCHEDULER_4: "apscheduler"}
#: what is timed; the second so that what is only imported later is counted too
STATEMENTS = {
    "import of the package": "import {0}",
    "import, a scheduler and a cron trigger": (
        "from {0} import AsyncScheduler; from {0}.triggers.cron import CronTrigger; "
        "AsyncScheduler(); CronTrigger(hour=1, timezone='UTC').next()"
    ),
}
CHILD = """
from time import perf_counter
begin = perf_counter()
{0}
print(perf_counter() - begin)
"""


def measure(repeats: int) -> dict[str, dict[str, float]]:
    """Return statement -> peer -> median milliseconds."""
    samples: dict[tuple[str, str], list[float]] = {}
    for repeat in range(repeats + 1):
        for text, statement in STATEMENTS.items():
            for peer, package in PACKAGES.items():
                seconds = _once(peer, statement.format(package))
                if repeat and seconds is not None:  # the first one writes the bytecode
                    samples.setdefault((text, peer.name), []).append(seconds * 1000)
    found: dict[str, dict[str, float]] = {}
    for (text, name), values in samples.items():
        found.setdefault(text, {})[name] = median(values)
    return found


def _once(peer: Peer, statement: str) -> float | None:
    ran = subprocess.run(
        [peer.command()[0], "-c", CHILD.format(statement)],
        env=peer.process_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        print(f"{peer.name}: {ran.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return float(ran.stdout)


def report(found: dict[str, dict[str, float]]) -> list[str]:
    """Return the Markdown of a run."""
    peers = [peer.name for peer in PACKAGES]
    rows = [
        [text, *(f"{row[peer]:.1f} ms" if peer in row else "" for peer in peers)]
        for text, row in found.items()
    ]
    reached = {
        f"{text}, {name}": row[APSCHEDULER_4.name] / row[name]
        for text, row in found.items()
        for name in (RUST.name, REFERENCE.name)
        if name in row and APSCHEDULER_4.name in row
    }
    return [
        *table(["", *peers], rows, numbers_from=1),
        "",
        *target_table([Target("import against APScheduler 4", 2, reached)]),
    ]
