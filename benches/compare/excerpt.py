"""The figures that the README quotes: rows of the tables in `benches/README.md`, and the ratio of two of the cells."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["BEGIN", "END", "render", "write"]

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "benches" / "README.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

OURS, THEIRS = "rota (rust)", "APScheduler 4"
COLUMNS = [OURS, "rota (reference)", THEIRS, "APScheduler 3", "croniter", "cronsim", "croniter-rs"]
#: what the README calls it, and the first cells of the row
QUOTED = {
    "next fire time, `*/5 * * * *`": ("`*/5 * * * *`", "Europe/Berlin"),
    "next fire time, `0 9 * * mon-fri`": ("`0 9 * * mon-fri`", "Europe/Berlin"),
    "next fire time, an interval": ("interval", "Europe/Berlin"),
    "next fire time, an And of two": ("and", "Europe/Berlin"),
    "`import`": ("import of the package",),
    "`import`, a scheduler, a cron trigger": ("import, a scheduler and a cron trigger",),
}
NANOSECONDS = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}


def render(measured: str) -> str:
    """Return the table of the README, made of the tables that were measured.

    :raises LookupError: if a row is not there
    """
    rows = [_row(text, cells, measured) for text, cells in QUOTED.items()]
    heads = ["Europe/Berlin", *COLUMNS, f"{THEIRS} ÷ {OURS}"]
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [heads, rule, *rows])


def _row(text: str, first: tuple[str, ...], measured: str) -> list[str]:
    heads, cells = _find(first, measured)
    found = dict(zip(heads, cells, strict=True))
    figures = [found.get(column, "") for column in COLUMNS]
    ratio = _nanoseconds(found[THEIRS]) / _nanoseconds(found[OURS])
    return [text, *figures, f"×{ratio:.2g}" if ratio < 10 else f"×{ratio:,.0f}"]


def _find(first: tuple[str, ...], measured: str) -> tuple[list[str], list[str]]:
    """Return the heads of the first table that has such a row, and the row."""
    for table in re.findall(r"(?:^\|.*\|\n)+", measured, re.MULTILINE):
        heads, _, *rows = (
            [cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()
        )
        for row in rows:
            if tuple(row[: len(first)]) == first and {OURS, THEIRS} <= set(heads):
                return heads, row
    raise LookupError(f"there is no row {first} in {MEASURED.name}")


def _nanoseconds(figure: str) -> float:
    value, unit = figure.replace(",", "").split()
    return float(value) * NANOSECONDS[unit]


def write() -> None:
    """Put the table into the README."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    table = render(MEASURED.read_text(encoding="utf-8"))
    README.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
