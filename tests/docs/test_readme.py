"""What the README quotes was measured, and the commands that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benches.compare import excerpt

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MEASURED = (ROOT / "benches/README.md").read_text(encoding="utf-8")
FIGURE = r"\d (?:ns|µs|ms)\b|\d/s\b|×\d"


def test_figures_are_those_of_the_benchmarks() -> None:
    """`python -m benches.compare` writes them together with its own tables."""
    before, _, rest = README.partition(excerpt.BEGIN)
    figures, _, after = rest.partition(excerpt.END)
    assert figures.strip() == excerpt.render(MEASURED)
    assert re.findall(FIGURE, before + after) == [], "figures stand in the tables only"


def test_each_figure_stands_in_the_benchmarks_but_for_ratios() -> None:
    figures = re.findall(r"[\d.,]+ (?:ns|µs|ms)|[\d,]+/s", excerpt.render(MEASURED))
    assert len(figures) > 50
    assert [figure for figure in figures if figure not in MEASURED] == []


def test_ratio_is_that_of_two_figures_of_the_row() -> None:
    row = re.compile(r"^\| `\*/5 \* \* \* \*` \| Europe/Berlin \| ([^|]+) \|(.*)$", re.MULTILINE)
    changed = row.sub(r"| `*/5 * * * *` | Europe/Berlin | 1.00 ns |\2", MEASURED, count=1)
    before, after = (excerpt.render(text).splitlines()[2] for text in (MEASURED, changed))
    assert before.endswith(" |")
    micros = float(before.split("|")[4].removesuffix(" µs "))
    assert after.split("|")[2] == " 1.00 ns "
    assert after.endswith(f"| ×{micros * 1000:,.0f} |")


def test_summary_says_what_the_figures_do() -> None:
    """Where rota is ahead, and where it is behind; if that has changed, so must the sentence."""
    summary = " ".join(README.split())
    ahead = "ahead in computing fire times, in adding schedules, in running what is due"
    assert f"{ahead} and in running plain jobs, though pgqueuer is about as fast there" in summary
    assert "behind in adding single jobs (pgqueuer, procrastinate, huey)" in summary
    for line in excerpt.render(MEASURED).splitlines():
        if line.startswith("| next fire time"):
            assert float(line.split("×")[1].removesuffix(" |").replace(",", "")) > 1

    def rate(store: str, library: str, column: str) -> float:
        over = f"{store}:"
        return float(excerpt._row(MEASURED, over, [library])[column].replace(",", "")[:-2])

    ours = {"PostgreSQL": "rota, asyncpg", "SQLite": "rota"}
    for store, libraries in excerpt.STORES.items():
        for library in libraries[1:]:
            ratio = rate(store, ours[store], "run jobs") / rate(store, library, "run jobs")
            assert 0.75 < ratio < 1.3 if library == "pgqueuer" else ratio > 1.25
        theirs = rate(store, "APScheduler 4", "due schedules run")
        assert theirs < rate(store, ours[store], "due schedules run")
    for store, library in (
        ("PostgreSQL", "pgqueuer"),
        ("PostgreSQL", "procrastinate"),
        ("SQLite", "huey"),
    ):
        assert rate(store, library, "add a job") > rate(store, ours[store], "add a job")
    for store in ours:
        theirs = rate(store, "APScheduler 4", "add a schedule")
        assert theirs < rate(store, ours[store], "add a schedule")
    row = excerpt._row(MEASURED, *_in_memory("add a schedule"))
    theirs, own = (
        float(row[each].replace(",", "").removesuffix("/s")) for each in ("APScheduler 4", "rota")
    )
    assert theirs < own


def _in_memory(column: str) -> tuple[str, list[str]]:
    over, first = excerpt.IN_MEMORY[column]
    return over, [first]


def test_row_that_is_gone_is_named() -> None:
    with pytest.raises(LookupError, match=r"must have a row .*Europe/Berlin.* got none"):
        excerpt.render("| a | b |\n| --- | --- |\n| 1 | 2 |\n")


def test_make_commands_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"demo", "test", "docs"} <= named <= targets


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
