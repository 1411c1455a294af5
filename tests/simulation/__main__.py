"""Try seeds: `python -m tests.simulation --seeds 500 [--first 0]`, or look at one: `--seed 17`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.simulation._seeds import kept_seeds
from tests.simulation._simulation import simulate

SHOWN_LINES = 80


def main() -> int:
    """Simulate, print what was found, and tell whether anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many seeds to try")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="try this one only, and print its trace")
    options = parser.parse_args()
    if options.seed is not None:
        outcome = simulate(options.seed)
        print(*outcome.trace, *outcome.violations, sep="\n")
        return bool(outcome.violations)

    seeds = [*range(options.first, options.first + options.seeds)]
    seeds += [seed for seed in kept_seeds() if seed not in seeds]
    counts: Counter[str] = Counter()
    failed = []
    for seed in seeds:
        outcome = simulate(seed)
        counts += Counter({"commits": outcome.commits, **outcome.due_times, **outcome.outcomes})
        if outcome.violations:
            failed.append(seed)
            print(f"seed {seed}: {outcome.violations[0]}", flush=True)
    found = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    print(f"{len(seeds)} seeds simulated, {len(failed)} failed: {found}")
    if failed:
        print(
            f"to see one: python -m tests.simulation --seed {failed[0]}; to keep it: tests/simulation/seeds.txt"
        )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
