from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rota.triggers import CronTrigger
from tests.triggers.oracle import Expression, by_date

if TYPE_CHECKING:
    from rota._backend import Core

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def read_table() -> list[tuple[str, list[datetime]]]:
    rows = []
    for line in (Path(__file__).parent / "crontab.txt").read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            expression, times = line.split(" | ")
            moments = [
                datetime.fromisoformat(time).replace(tzinfo=timezone.utc)
                for time in times.split(", ")
            ]
            rows.append((expression.strip(), moments))
    return rows


TABLE = read_table()


def test_table_has_many_expressions_and_each_once() -> None:
    expressions = [expression for expression, _ in TABLE]
    assert len(expressions) >= 200
    assert len(set(expressions)) == len(expressions)


@pytest.mark.parametrize(
    ("expression", "expected"), TABLE, ids=[expression for expression, _ in TABLE]
)
def test_crontab_gives_the_times_of_the_table(
    backend: Core, expression: str, expected: list[datetime]
) -> None:
    trigger = CronTrigger.from_crontab(
        expression, start_time=START, timezone="UTC", seconds=expression.count(" ") == 5
    )
    assert trigger.next_n(4) == expected
    assert trigger.preview(1)[0] > expected[-1]


@pytest.mark.parametrize(
    ("expression", "expected"), TABLE[::7], ids=[expression for expression, _ in TABLE[::7]]
)
def test_table_is_what_brute_force_gives(expression: str, expected: list[datetime]) -> None:
    assert by_date(Expression(expression), START, 4) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 12 1,15 * 5", ["01-01", "01-02", "01-09", "01-15", "01-16"]),
        ("0 12 1-3 * sun", ["01-01", "01-02", "01-03", "01-04", "01-11"]),
        ("0 12 * * 5", ["01-02", "01-09", "01-16", "01-23", "01-30"]),
        ("0 12 13 * *", ["01-13", "02-13", "03-13", "04-13", "05-13"]),
        ("0 12 */2 * 0", ["01-11", "01-25", "02-01", "02-15", "03-01"]),
        ("0 12 13 * */5", ["02-13", "03-13", "09-13", "11-13", "12-13"]),
        ("0 12 ? * 5", ["01-02", "01-09", "01-16", "01-23", "01-30"]),
        ("0 12 L * 1#1", ["01-05", "01-31", "02-02", "02-28", "03-02"]),
    ],
)
def test_crontab_with_either_day_follows_crontab(
    backend: Core, expression: str, expected: list[str]
) -> None:
    trigger = CronTrigger.from_crontab(
        expression, start_time=START, timezone="UTC", either_day=True
    )
    assert [f"{moment:%m-%d}" for moment in trigger.next_n(5)] == expected
    assert by_date(Expression(expression, either_day=True), START, 5) == trigger.at(None).next_n(5)


@pytest.mark.parametrize(
    ("macro", "expression"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
        ("  @DAILY ", "0 0 * * *"),
    ],
)
def test_macro_stands_for_an_expression(macro: str, expression: str) -> None:
    expected = CronTrigger.from_crontab(expression, start_time=START, timezone="UTC")
    assert CronTrigger.from_crontab(macro, start_time=START, timezone="UTC") == expected
    assert (
        CronTrigger.from_crontab(macro, start_time=START, timezone="UTC", seconds=True) == expected
    )


def test_crontab_may_have_space_around_it_and_tabs_in_it() -> None:
    plain = CronTrigger.from_crontab("0 5 * * 1", start_time=START, timezone="UTC")
    assert CronTrigger.from_crontab(" 0\t5  * \t* 1\n", start_time=START, timezone="UTC") == plain
