"""Times the steps of the Rust core without Python around them: runs criterion and reads its results."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from benches.compare.targets import Target, nanoseconds, table, target_table

ROOT = Path(__file__).parents[2]
ZONES = ("UTC", "Europe/Berlin")
#: the most nanoseconds that a step of a cron series may take
WANTED = {"UTC": 15, "Europe/Berlin": 25}
OTHERS = (
    "interval",
    "calendar interval",
    "any of two",
    "all of two",
    "*/5 * * * *, one by one",
)


def measure(seconds: float) -> dict[str, float]:
    """Return benchmark -> median nanoseconds, each measured for so long."""
    results = ROOT / "target" / "criterion"
    shutil.rmtree(
        results, ignore_errors=True
    )  # those of benchmarks that are gone would be read, too
    options = ["--warm-up-time", "0.5", "--measurement-time", str(seconds), "--noplot"]
    subprocess.run(
        ["cargo", "bench", "--quiet", "-p", "rota-domain", "--bench", "steps", "--", *options],
        cwd=ROOT,
        check=True,
    )
    found = {}
    for path in results.glob("*/new/benchmark.json"):
        name = json.loads(path.read_text())["full_id"]
        estimates = json.loads(path.with_name("estimates.json").read_text())
        found[name] = estimates["median"]["point_estimate"]
    return found


def report(found: dict[str, float]) -> list[str]:
    """Return the Markdown of a run."""
    steps = {name.partition(": ")[2] for name in found if ": " in name}
    rows = [
        [f"`{step}`" if "*" in step else step]
        + [nanoseconds(found.get(f"{zone}: {step}")) for zone in ZONES]
        for step in sorted(steps, key=lambda step: (step in OTHERS, step))
    ]
    others = [[name, nanoseconds(took)] for name, took in sorted(found.items()) if ": " not in name]
    targets = [
        Target(
            f"a step of a cron series, {zone}",
            wanted,
            {step: found[f"{zone}: {step}"] for step in steps if step not in OTHERS},
            at_most=True,
            form="{:.3g} ns",
        )
        for zone, wanted in WANTED.items()
    ]
    return [
        *table(["from a fire time to the next", *ZONES], rows, numbers_from=1),
        "",
        *table(["", "Europe/Berlin"], others, numbers_from=1),
        "",
        *target_table(targets),
    ]
