"""What the README quotes was measured, and the commands that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benches.compare import excerpt

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIGURE = r"\d (?:ns|µs|ms)\b|×\d"


def test_figures_are_those_of_the_benchmarks() -> None:
    """`python -m benches.compare` writes them together with its own tables."""
    before, _, rest = README.partition(excerpt.BEGIN)
    figures, _, after = rest.partition(excerpt.END)
    measured = (ROOT / "benches/README.md").read_text(encoding="utf-8")
    assert figures.strip() == excerpt.render(measured)
    assert re.findall(FIGURE, before + after) == [], "figures stand in the table only"


def test_ratio_is_that_of_two_figures_of_the_row() -> None:
    measured = """
| | zone | rota (rust) | APScheduler 4 |
| --- | --- | ---: | ---: |
"""
    for cells in excerpt.QUOTED.values():
        measured += (
            f"| {' | '.join(cells)} | {'| ' if len(cells) == 1 else ''}2.00 ns | 1.00 µs |\n"
        )
    rows = excerpt.render(measured).splitlines()[2:]
    assert len(rows) == len(excerpt.QUOTED)
    assert all(row.endswith("| ×500 |") for row in rows)


def test_row_that_is_gone_is_named() -> None:
    with pytest.raises(LookupError, match=r"there is no row \('`\*/5"):
        excerpt.render("| a | b |\n| --- | --- |\n| 1 | 2 |\n")


def test_make_commands_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"demo", "test", "docs"} <= named <= targets


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
