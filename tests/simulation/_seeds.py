"""The seeds that once failed, and the number that CI tries."""

from __future__ import annotations

from pathlib import Path

KEPT = Path(__file__).with_name("seeds.txt")


def kept_seeds() -> dict[int, str]:
    """Return the seeds that once failed, each with what it found."""
    lines = (line.split(maxsplit=1) for line in KEPT.read_text().splitlines() if line[:1] != "#")
    return {int(seed): reason for seed, reason in lines}
