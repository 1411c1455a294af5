"""Runs the memory-store scenarios of `scenarios/memory.py` on rota and on APScheduler 4, interleaved."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from benches.compare.peers import Peer
from benches.compare.targets import Target, table, target_table

SCRIPT = str(Path(__file__).parent / "scenarios" / "memory.py")
ROTA, ROTA_OLD, APS4, APS4_OLD = (
    "rota",
    "rota, anyio 4.9",
    "APScheduler 4",
    "APScheduler 4, anyio 4.9",
)
PEERS = (
    Peer(ROTA, "rota", (SCRIPT, "rota")),
    Peer(APS4, "apscheduler4", (SCRIPT, "apscheduler")),
    Peer(ROTA_OLD, "rota-anyio-4.9", (SCRIPT, "rota")),
    Peer(APS4_OLD, "apscheduler4-anyio-4.9", (SCRIPT, "apscheduler")),
)
#: like is compared with like: the same anyio below both
PAIRS = ((ROTA, APS4), (ROTA_OLD, APS4_OLD))

QUEUE = "from_filled_queue 4000 100"
LONG_QUEUE = "from_filled_queue 40000 100"
ADDED = "while_added 4000 100"
LINEAR = ("from_filled_queue 500 1", "from_filled_queue 4000 1")
ADDING = tuple(f"adding_schedules {count}" for count in (1_000, 10_000, 100_000))
DUE = "due_each_second {}"
#: how many schedules are due in each second: one that all keep up with, and those that find the limit
LADDERS = {APS4: (5_000, 10_000, 15_000), ROTA: (5_000, 15_000, 30_000, 45_000)}

#: scenario -> peer -> quantity -> median
Found = dict[str, dict[str, dict[str, float]]]


def measure(repeats: int) -> Found:
    """Run every scenario `repeats` times on every peer; keep medians."""
    samples: dict[tuple[str, str], list[dict[str, float]]] = {}
    for repeat in range(repeats):
        print(f"memory store: repeat {repeat + 1} of {repeats}", file=sys.stderr)
        for scenario in (QUEUE, LONG_QUEUE, ADDED, *LINEAR, *ADDING):
            for peer in PEERS:
                if peer.name in (ROTA, APS4) or scenario in (QUEUE, ADDED):
                    _run(peer, scenario, samples)
        for peer in PEERS[:2]:
            for count in LADDERS[peer.name]:
                _run(peer, DUE.format(count), samples)
    found: Found = {}
    for (scenario, name), results in samples.items():
        found.setdefault(scenario, {})[name] = {
            quantity: median(result[quantity] for result in results) for quantity in results[0]
        }
    return found


def _run(peer: Peer, scenario: str, samples: dict[tuple[str, str], list[dict[str, float]]]) -> None:
    """Run one scenario in a process of its own; say on standard error if it fails."""
    try:
        ran = subprocess.run(
            [*peer.command(), *scenario.split()],
            env=peer.process_environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=150,
        )
    except (OSError, subprocess.SubprocessError) as error:
        output = str(getattr(error, "stderr", None) or error).strip()
        print(f"{peer.name}: {scenario}: {output.splitlines()[-1]}", file=sys.stderr)
        return
    samples.setdefault((scenario, peer.name), []).append(json.loads(ran.stdout))


def report(found: Found) -> list[str]:
    """Return the Markdown of a run."""
    jobs = "jobs_per_second"
    rows = [
        [text, *(_figure(found, scenario, peer.name, jobs, "{:,.0f}/s") for peer in PEERS)]
        for text, scenario in (
            ("4 000 queued jobs, limit 100", QUEUE),
            ("40 000 queued jobs, limit 100", LONG_QUEUE),
            ("500 queued jobs, limit 1", LINEAR[0]),
            ("4 000 queued jobs, limit 1", LINEAR[1]),
            ("4 000 jobs while they are added, limit 100", ADDED),
        )
    ]
    return [
        "No-op async jobs of one task, by the limit of the task:",
        "",
        *table(["", *(peer.name for peer in PEERS)], rows, numbers_from=1),
        "",
        "Schedules that are all due in the same instant of every second:",
        "",
        *_due(found),
        "",
        "Adding schedules one at a time:",
        "",
        *_adding(found),
        "",
        *target_table(_targets(found)),
    ]


def _figure(found: Found, scenario: str, peer: str, quantity: str, form: str) -> str:
    value = found.get(scenario, {}).get(peer, {}).get(quantity)
    return "" if value is None else form.format(value)


def _due(found: Found) -> list[str]:
    rows = []
    for peer, ladder in LADDERS.items():
        for count in ladder:
            scenario = DUE.format(count)
            rows.append(
                [
                    peer,
                    f"{count:,}",
                    _figure(found, scenario, peer, "runs_per_second", "{:,.0f}/s"),
                    _figure(found, scenario, peer, "median_lateness_seconds", "{:.3f} s"),
                    _figure(found, scenario, peer, "p99_lateness_seconds", "{:.3f} s"),
                    _figure(found, scenario, peer, "cpu_seconds_per_second", "{:.0%}"),
                ]
            )
    heads = ["", "due each second", "run", "median lateness", "p99 lateness", "CPU"]
    return table(heads, rows, numbers_from=1)


def _adding(found: Found) -> list[str]:
    rows = [
        [
            f"{int(scenario.split()[1]):,}",
            *(
                _figure(found, scenario, peer, quantity, form)
                for quantity, form in (
                    ("schedules_per_second", "{:,.0f}/s"),
                    ("bytes_per_schedule", "{:,.0f} B"),
                )
                for peer in (ROTA, APS4)
            ),
        ]
        for scenario in ADDING
    ]
    heads = ["schedules", ROTA, APS4, f"{ROTA}: memory of each", f"{APS4}: memory of each"]
    return table(heads, rows, numbers_from=1)


def _targets(found: Found) -> list[Target]:
    def times(quantity: str, scenarios: tuple[str, ...], invert: bool = False) -> dict[str, float]:
        reached = {}
        for scenario in scenarios:
            peers = found.get(scenario, {})
            for mine, other in PAIRS:
                if mine in peers and other in peers:
                    factor = peers[mine][quantity] / peers[other][quantity]
                    reached[f"{scenario}, {mine}"] = 1 / factor if invert else factor
        return reached

    def alone(scenario: str, quantity: str) -> float | None:
        return found.get(scenario, {}).get(ROTA, {}).get(quantity)

    short, long = (alone(scenario, "jobs_per_second") for scenario in LINEAR)
    small, large = (alone(scenario, "schedules_per_second") for scenario in (ADDING[0], ADDING[2]))
    late = alone(DUE.format(5_000), "p99_lateness_seconds")
    saturation = {peer: _saturation(found, peer) for peer in (ROTA, APS4)}
    keeps_up = saturation[ROTA] / saturation[APS4] if all(saturation.values()) else None
    jobs, seconds = "jobs_per_second", "{:.3f} s"
    return [
        Target("no-op jobs from a filled queue", 3, times(jobs, (QUEUE,))),
        Target("no-op jobs while they are being added", 3, times(jobs, (ADDED,))),
        Target(
            "limit 1: rate with 4 000 queued against 500",
            0.8,
            _one(long and short and long / short),
        ),
        Target("schedules due in the same second: saturation", 3, _one(keeps_up)),
        Target("p99 lateness with 5 000 due in each second", 0.1, _one(late), True, seconds),
        Target("adding a schedule", 2, times("schedules_per_second", ADDING)),
        Target("memory of a schedule", 1, times("bytes_per_schedule", ADDING[1:], invert=True)),
        Target(
            "rate of adding with 100 000 against 1 000 schedules",
            0.8,
            _one(small and large and large / small),
        ),
    ]


def _saturation(found: Mapping[str, Mapping[str, Mapping[str, float]]], peer: str) -> float:
    rates = [found.get(DUE.format(count), {}).get(peer, {}) for count in LADDERS[peer]]
    return max((rate["runs_per_second"] for rate in rates if rate), default=0.0)


def _one(value: float | None) -> dict[str, float]:
    return {} if value is None else {"": value}
