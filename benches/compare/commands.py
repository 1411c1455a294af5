"""Times the command line from its start to its end, interleaved, as its users wait for it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

from benches.compare.peers import RUST
from benches.compare.targets import Target, table, target_table

COMMANDS = {
    "rota --help": ["-m", "rota.cli", "--help"],
    "rota schedules --help": ["-m", "rota.cli", "schedules", "--help"],
    'rota next "0 9 * * mon-fri"': ["-m", "rota.cli", "next", "0 9 * * mon-fri"],
}
YARDSTICK = "python -c pass"
HELP_MILLISECONDS = 150

_peer = replace(RUST, environment="rota-cli")


def measure(repeats: int) -> dict[str, tuple[float, float, float]]:
    """Return command -> minimum, median, maximum in milliseconds."""
    commands = {**COMMANDS, YARDSTICK: ["-c", "pass"]}
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for repeat in range(repeats + 1):
        for name, arguments in commands.items():
            seconds = _once(arguments)
            if repeat:  # the first one writes the bytecode
                samples[name].append(seconds * 1000)
    return {name: (min(each), median(each), max(each)) for name, each in samples.items()}


def _once(arguments: list[str]) -> float:
    command = [str(Path(_peer.command()[0])), *arguments]
    begin = perf_counter()
    subprocess.run(command, env=_peer.process_environment(), stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - begin


def report(found: dict[str, tuple[float, float, float]]) -> list[str]:
    """Return the Markdown of a run."""
    rows = [[f"`{name}`", *(f"{each:.0f} ms" for each in times)] for name, times in found.items()]
    _, reached, _ = found["rota --help"]
    target = Target(
        "`rota --help`, median",
        HELP_MILLISECONDS,
        {"rota --help": reached},
        at_most=True,
        form="{:.0f} ms",
    )
    return [
        *table(["", "minimum", "median", "maximum"], rows, numbers_from=1),
        "",
        *target_table([target]),
    ]
