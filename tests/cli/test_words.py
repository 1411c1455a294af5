"""What `rota next` says of an expression in words: true, whole and readable."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import product
from operator import attrgetter
from typing import TYPE_CHECKING

import pytest

from rota import CronTrigger
from rota.cli._words import in_words
from rota.triggers._cron_syntax import FIELDS, parse_fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.cli.conftest import Command

pytestmark = pytest.mark.once

WORDS = {
    "0 9 * * *": "At 09:00 every day",
    "@daily": "At 00:00 every day",
    "@hourly": "Every hour",
    "@yearly": "At 00:00 on the 1st of January",
    "* * * * *": "Every minute",
    "30 * * * *": "Every hour at minute 30",
    "0,30 9,17 * * *": "At 09:00, 09:30, 17:00 and 17:30 every day",
    "*/15 * * * *": "Every 15 minutes",
    "0,30 * * * *": "Every 30 minutes",
    # not every 7 minutes: after 56 comes 0
    "*/7 * * * *": "At every 7th minute from 0 to 56 of every hour",
    "5/10 * * * *": "At minutes 5, 15, 25, 35, 45 and 55 of every hour",
    "1,2,3,7-9 */6 * * *": "At minutes 1 to 3 and 7 to 9 of hours 0, 6, 12 and 18",
    "*/5 9-17 * * mon-fri": "Every 5 minutes from 09:00 to 17:55 on Monday to Friday",
    "30 9-17/2 * * *": "Every 2 hours from 09:30 to 17:30",
    "10-40/7 2 * * *": "Every 7 minutes from 02:10 to 02:38",
    "0 0 */10 * *": "At 00:00 on the 1st, 11th, 21st and 31st of the month",
    "0 0 */2 * *": "At 00:00 on every 2nd day from the 1st to the 31st of the month",
    "0 0 * * */2": "At 00:00 on Tuesday, Thursday, Saturday and Sunday",
    "0 0 * * mon-sun": "At 00:00 every day",
    "0 0 1 */3 *": "At 00:00 on the 1st of January, April, July and October",
    "0 12 L * *": "At 12:00 on the last day of the month",
    "0 12 last,15 * *": "At 12:00 on the 15th and the last day of the month",
    "0 12 L-3 * *": "At 12:00 on the 3rd day before the last of the month",
    "0 12 LW * *": "At 12:00 on the last working day (Monday to Friday) of the month",
    "0 12 15W 2 *": "At 12:00 on the working day nearest the 15th (Monday to Friday) of February",
    "0 12 * * 5#3,mon#1": "At 12:00 on the first Monday and the third Friday of the month",
    "0 12 * * 5L": "At 12:00 on the last Friday of the month",
    "0 0 13 * fri": "At 00:00 on the 13th of the month, if that is Friday",
    "0 0 1-7 10 mon,tue": "At 00:00 on the 1st to 7th of October, if that is Monday or Tuesday",
}
WITH_SECONDS = {
    "* * * * * *": "Every second",
    "30 * * * * *": "Every minute at second 30",
    "15 30 * * * *": "Every hour at minute 30, second 15",
    "15 30 9 * * *": "At 09:30:15 every day",
    "*/15 30 2 * * *": "Every 15 seconds from 02:30:00 to 02:30:45",
    "*/15 * 9-17 * * *": "Every 15 seconds from 09:00:00 to 17:59:45",
    "*/10 */5 * * * *": (
        "At seconds 0, 10, 20, 30, 40 and 50 of every 5th minute from 0 to 55 of every hour"
    ),
}
WITH_EITHER_DAY = {
    "0 0 13 * fri": "At 00:00 on the 13th of the month, or on Friday",
    "0 0 1,15 3 fri": "At 00:00 on the 1st and 15th of March, or on Friday in March",
    # a field that begins with a star makes it an And, as in crontab(5)
    "0 0 */10 * fri": "At 00:00 on the 1st, 11th, 21st and 31st of the month, if that is Friday",
    "0 0 1-31 * fri": "At 00:00 every day",
}


@pytest.mark.parametrize(("expression", "words"), WORDS.items())
def test_expression_in_words(expression: str, words: str) -> None:
    assert in_words(CronTrigger.from_crontab(expression)) == words


@pytest.mark.parametrize(("expression", "words"), WITH_SECONDS.items())
def test_seconds_in_words(expression: str, words: str) -> None:
    assert in_words(CronTrigger.from_crontab(expression, seconds=True)) == words


@pytest.mark.parametrize(("expression", "words"), WITH_EITHER_DAY.items())
def test_either_day_in_words(expression: str, words: str) -> None:
    assert in_words(CronTrigger.from_crontab(expression, either_day=True)) == words


def test_fields_that_lines_do_not_have_in_words() -> None:
    trigger = CronTrigger(year="2030-9999", week="5,6", day_of_week="mon", hour=9)
    assert in_words(trigger) == "At 09:00 on Monday in weeks 5 and 6 of the year in 2030 and after"
    assert in_words(CronTrigger(year=2030)) == "At 00:00 on the 1st of January in 2030"


texts_of = attrgetter(*FIELDS)


def ambiguous(triggers: Iterable[CronTrigger]) -> list[str]:
    """Return the words that stand for triggers that do not fire at the same times."""
    meanings = defaultdict(set)
    for trigger in triggers:
        texts = texts_of(trigger)
        meanings[in_words(trigger)].add(parse_fields(texts, trigger.either_day).masks)
    assert len(meanings) > 500
    return [words for words, masks in meanings.items() if len(masks) > 1]


def test_words_of_times_leave_nothing_open() -> None:
    low = "0 5 * */5 */7 5/10 0,30 15,45 1-3 0-40/20 50-59 */30".split()
    hours = "0 9 * */2 */5 1/2 0,12 9,17 9-17 9-17/2 12-23 22,23".split()
    seconds = "0 30 * */15 */7 15,45 10-12".split()
    times = product(seconds, low, hours)
    lines = (f"{second} {minute} {hour} * * *" for second, minute, hour in times)
    assert ambiguous(CronTrigger.from_crontab(line, seconds=True) for line in lines) == []


@pytest.mark.parametrize("either_day", [False, True], ids=["both", "either"])
def test_words_of_dates_leave_nothing_open(either_day: bool) -> None:
    days = "* 1 13 1,15 1-7 5-20 */2 */10 L L-2 LW 1W,15W L,1".split()
    weekdays = "* 0 fri mon-fri sat,sun */2 fri#1 5L mon,fri#3 1#5,5#5".split()
    months = "* 2 1-3 */3 jan,mar-may,dec".split()
    lines = (
        f"0 0 {day} {month} {weekday}" for day, month, weekday in product(days, months, weekdays)
    )
    assert ambiguous(CronTrigger.from_crontab(line, either_day=either_day) for line in lines) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["30 2 * * *", "--tz", "Europe/Berlin"],
            [
                "forward from 02:00 to 03:00 on 30 March 2025; a time left out fires right after it, once",
                "back from 03:00 to 02:00 on 26 October 2025; a time that comes twice fires the first time",
            ],
        ),
        (
            ["*/10 * * * *", "--tz", "Australia/Lord_Howe"],
            [
                "back from 02:00 to 01:30 on 06 April 2025; a time that comes twice fires twice",
                "forward from 02:00 to 02:30 on 05 October 2025; a time left out does not fire",
            ],
        ),
        (
            ["0 0 * * *", "--tz", "Africa/Cairo", "--gap", "skip", "--overlap", "second"],
            [
                "forward from 00:00 to 01:00 on 25 April 2025; a time left out does not fire",
                "back from 00:00 on 31 October to 23:00 on 30 October 2025; "
                "a time that comes twice fires the second time",
            ],
        ),
        (["0 0 * * *", "--tz", "UTC"], []),
    ],
    ids=["fixed-time", "wildcard", "told", "no-transitions"],
)
def test_what_happens_where_the_clocks_change_is_said(
    rota: Command, arguments: list[str], said: list[str]
) -> None:
    found = json.loads(rota("next", *arguments, "--after", "2025-01-01", "--json").stdout)
    assert [change["what"] for change in found["changes"]] == [f"The clocks go {s}" for s in said]
