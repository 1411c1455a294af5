"""A target, what a run reached of it, and the table that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Row = Sequence[str]


@dataclass(frozen=True)
class Target:
    """Something that rota is meant to reach in a number of cases.

    :param text: what is to be reached
    :param wanted: the figure that is wanted
    :param reached: case -> the figure reached
    :param at_most: whether the figure is an upper bound
    :param form: how to print a figure
    """

    text: str
    wanted: float
    reached: Mapping[str, float]
    at_most: bool = False
    form: str = "×{:,.4g}"

    def margin(self, case: str) -> float:
        """Return how far the case is beyond what is wanted: 1 is just met."""
        figure = self.reached[case]
        return self.wanted / figure if self.at_most else figure / self.wanted

    def row(self) -> Row:
        """Return the cells: text, wanted, reached, verdict."""
        bound = "at most " if self.at_most else "at least "
        wanted = bound + self.form.format(self.wanted)
        if not self.reached:
            return self.text, wanted, "not measured", "-"
        ordered = sorted(self.reached, key=self.margin)
        figures = [self.form.format(self.reached[case]) for case in (ordered[0], ordered[-1])]
        reached = figures[0] if len(ordered) == 1 else f"{figures[0]} to {figures[1]}"
        missed = [case for case in ordered if self.margin(case) < 1]
        if not missed:
            return self.text, wanted, reached, "met"
        by = f"by {100 * (1 - self.margin(missed[0])):.0f} %"
        if len(ordered) > 1:
            by = f"in {len(missed)} of {len(ordered)}, {by} in the worst ({missed[0]})"
        return self.text, wanted, reached, f"**missed** {by}"


def target_table(targets: Iterable[Target]) -> list[str]:
    """Return the targets as a Markdown table."""
    return table(["target", "wanted", "reached", "verdict"], [target.row() for target in targets])


def table(heads: Row, rows: Iterable[Row], numbers_from: int | None = None) -> list[str]:
    """Return a Markdown table; columns from `numbers_from` on are set to the right."""
    right = len(heads) if numbers_from is None else numbers_from
    rule = ["---:" if column >= right else "---" for column in range(len(heads))]
    return ["| " + " | ".join(cells) + " |" for cells in [heads, rule, *rows]]


def nanoseconds(value: float | None) -> str:
    """Return a duration in the unit that suits it, to three digits."""
    if value is None:
        return ""
    for unit, size in (("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)):
        if value < 999.5 * size or unit == "s":
            scaled = value / size
            digits = 0 if scaled >= 99.95 else 1 if scaled >= 9.995 else 2
            return f"{scaled:.{0 if unit == 'ns' else digits}f} {unit}"
    raise AssertionError("every duration has a unit")
