"""The figures that the README quotes: rows of the tables in `benches/README.md`, and the ratio of two of the cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from benches.compare.targets import table

__all__ = ["BEGIN", "END", "render", "write"]

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "benches" / "README.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

OURS, THEIRS = "rota (rust)", "APScheduler 4"
LIBRARIES = [
    OURS,
    "rota (reference)",
    THEIRS,
    "APScheduler 3",
    "croniter",
    "cronsim",
    "croniter-rs",
]
#: what the README calls it, what stands over the table, and the first cells of the row
TIMES = {
    "next fire time, `*/5 * * * *`": ("A stateful `next()`:", "`*/5 * * * *`", "Europe/Berlin"),
    "next fire time, `0 9 * * mon-fri`": (
        "A stateful `next()`:",
        "`0 9 * * mon-fri`",
        "Europe/Berlin",
    ),
    "next fire time, an interval": ("A stateful `next()`:", "interval", "Europe/Berlin"),
    "next fire time, an And of two": ("A stateful `next()`:", "and", "Europe/Berlin"),
    "`import`": ("<!-- imports: begin -->", "import of the package"),
    "`import`, a scheduler, a cron trigger": (
        "<!-- imports: begin -->",
        "import, a scheduler and a cron trigger",
    ),
}
RATES = ["add a job", "add jobs in groups", "run jobs", "add a schedule", "due schedules run"]
#: the rows of these tables
STORES = {
    "PostgreSQL": ("rota, asyncpg", THEIRS, "pgqueuer", "procrastinate"),
    "SQLite": ("rota", THEIRS, "huey"),
}
#: columns that are rows in the tables of the memory store
IN_MEMORY = {
    "run jobs": ("No-op async jobs of one task", "4 000 queued jobs, limit 100"),
    "add a schedule": ("Adding schedules one at a time:", "10,000"),
}
NANOSECONDS = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}


def render(measured: str) -> str:
    """Return the tables of the README, made of the tables that were measured.

    :raises LookupError: if a row is not there
    """
    times = [_times(text, *place, measured=measured) for text, place in TIMES.items()]
    ratio = f"{THEIRS} ÷ {OURS}"
    lines = table(["Europe/Berlin", *LIBRARIES, ratio], times, numbers_from=1)
    lines += ["", "Operations in a second:", ""]
    lines += table(["", "", *RATES], _rates(measured), numbers_from=2)
    return "\n".join(lines)


def _times(text: str, over: str, *first: str, measured: str) -> list[str]:
    found = _row(measured, over, first)
    ratio = _nanoseconds(found[THEIRS]) / _nanoseconds(found[OURS])
    figures = [found.get(library, "") for library in LIBRARIES]
    return [text, *figures, f"×{ratio:.2g}" if ratio < 10 else f"×{ratio:,.0f}"]


def _rates(measured: str) -> Iterable[Sequence[str]]:
    for store, libraries in STORES.items():
        for library in libraries:
            found = _row(measured, f"{store}:", [library])
            yield [store, library, *(found.get(column, "") for column in RATES)]
    rows = {column: _row(measured, over, [first]) for column, (over, first) in IN_MEMORY.items()}
    for library in ("rota", THEIRS):
        yield ["memory", library, *(rows.get(column, {}).get(library, "") for column in RATES)]


def _row(measured: str, over: str, first: Sequence[str]) -> dict[str, str]:
    """Return a row, by the heads of its columns, of the first table below a line that begins with `over`."""
    for text in re.split(rf"^{re.escape(over)}", measured, flags=re.MULTILINE)[1:]:
        lines = re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE)[0].splitlines()
        heads, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
        for row in rows:
            if row[: len(first)] == list(first):
                return dict(zip(heads, row, strict=True))
    raise LookupError(f"{MEASURED.name} must have a row {first} below {over!r}, got none")


def _nanoseconds(figure: str) -> float:
    value, unit = figure.replace(",", "").split()
    return float(value) * NANOSECONDS[unit]


def write() -> None:
    """Put the tables into the README."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = render(MEASURED.read_text(encoding="utf-8"))
    README.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")
