"""The simulated cluster keeps its promises, is repeatable, and notices when a rule is missing.

`make simulate SEEDS=500` tries many seeds; here are those that once failed, and some more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation._mutants import MUTANTS, without
from tests.simulation._seeds import kept_seeds
from tests.simulation._simulation import simulate

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
MUTANT_SEEDS = 500


@pytest.mark.parametrize("seed", range(20))
def test_a_cluster_keeps_its_promises(seed: int) -> None:
    outcome = simulate(seed)
    assert outcome.violations == (), "\n".join(outcome.trace[-40:])


@pytest.mark.parametrize("seed", kept_seeds())
def test_a_seed_that_once_failed(seed: int) -> None:
    outcome = simulate(seed)
    assert outcome.violations == (), kept_seeds()[seed]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_same_seed_twice_gives_the_same_trace(seed: int) -> None:
    first, second = simulate(seed), simulate(seed)
    assert first == second


def test_different_seeds_give_different_traces() -> None:
    assert len({simulate(seed).trace_hash for seed in range(4)}) == 4


def test_a_simulation_does_what_it_is_there_for() -> None:
    outcomes = [simulate(seed) for seed in range(20)]
    for name in ("success", "error", "abandoned", "missed_start_deadline"):
        assert sum(outcome.outcomes.get(name, 0) for outcome in outcomes) > 0, name
    for name in ("jobs", "coalesced", "skipped"):
        assert sum(outcome.due_times[name] for outcome in outcomes) > 0, name


@pytest.mark.parametrize("rule", MUTANTS)
def test_without_a_rule_the_simulation_fails(rule: str) -> None:
    with without(rule):
        assert any(simulate(seed).violations for seed in range(MUTANT_SEEDS)), (
            f"{MUTANT_SEEDS} seeds passed without {rule}"
        )


def test_a_seed_gives_the_same_trace_in_every_process() -> None:
    """A seed that fails in one place must fail in another, whatever Python hashes texts to."""
    program = (
        "from tests.simulation._simulation import simulate\n"
        "print([simulate(seed).trace_hash for seed in range(1, 6)])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": str(number)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in (1, 2, 3)
    }
    assert len(outputs) == 1
