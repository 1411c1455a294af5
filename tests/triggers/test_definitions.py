"""What triggers are apart from their arithmetic: how they are made, shown, compared, copied and looked into."""

from __future__ import annotations

import copy
import datetime as datetime_module
import pickle
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import attrs
import pytest
from attrs.exceptions import FrozenAttributeError

from rota import MaxIterationsReached, triggers as module
from rota.abc import Trigger
from rota.testing import VirtualClock, use_clock
from rota.triggers import (
    AndTrigger,
    CalendarIntervalTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

UTC = timezone.utc
START = datetime(2026, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
DAILY = CronTrigger(hour=12, timezone="UTC", start_time=START)
HOURLY = IntervalTrigger(hours=1, start_time=START)


class Listed(Trigger):
    """A user's trigger: it has nothing but `next()`."""

    def __init__(self, moments: Iterable[datetime]) -> None:
        self.moments = list(moments)

    def next(self) -> datetime | None:
        return self.moments.pop(0) if self.moments else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listed) and other.moments == self.moments

    def __hash__(self) -> int:
        return hash(tuple(self.moments))


class Foreign(tzinfo):
    """A zone that only Python can ask: an hour ahead until 2026-01-02T01:00 UTC, then two."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        assert moment is not None
        return timedelta(hours=1 if moment.replace(tzinfo=None) < datetime(2026, 1, 2, 2) else 2)  # noqa: DTZ001

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, moment: datetime | None) -> str:
        return "foreign"

    def fromutc(self, moment: datetime) -> datetime:
        later = moment.replace(tzinfo=None) >= datetime(2026, 1, 2, 1)  # noqa: DTZ001
        return moment + timedelta(hours=2 if later else 1)


def days(*numbers: int, hour: int = 12) -> list[datetime]:
    return [datetime(2026, 1, number, hour, tzinfo=UTC) for number in numbers]


EVERY_KIND: list[Trigger] = [
    DateTrigger("2026-03-01T12:00:00Z"),
    DateTrigger(datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)),
    IntervalTrigger(weeks=1, seconds=0.5, start_time=START, end_time="2027-01-01T00:00:00Z"),
    IntervalTrigger(hours=5, start_time=datetime(2026, 10, 24, 2, 30, tzinfo=BERLIN)),
    CronTrigger(year="2026-2030", month="jan,mar", day="last fri", hour="*/6", timezone=BERLIN),
    CronTrigger.from_crontab("0 9 15W * mon#3", "Asia/Tokyo", either_day=True, gap="skip"),
    CalendarIntervalTrigger(years=1, months=2, weeks=3, days=4, hour=5, minute=6, second=7),
    CalendarIntervalTrigger(
        days=1, start_date=date(2026, 1, 1), timezone=timezone(timedelta(hours=3))
    ),
    OrTrigger(DAILY, HOURLY),
    AndTrigger(DAILY, OrTrigger(HOURLY, DAILY), threshold=90, max_iterations=7),
]
KINDS = pytest.mark.parametrize("trigger", EVERY_KIND, ids=lambda trigger: repr(trigger)[:40])


def test_guide_example_of_and_gives_its_three_times(backend: object) -> None:
    with use_clock(VirtualClock(datetime(2022, 6, 7, 9, tzinfo=UTC))):
        trigger = AndTrigger(
            CalendarIntervalTrigger(months=2, hour=10, timezone="UTC"),
            CronTrigger(day_of_week="mon-fri", hour=10, timezone="UTC"),
        )
    assert [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in trigger.next_n(3)] == [
        "2022-06-07 10:00:00",
        "2022-10-07 10:00:00",
        "2022-12-07 10:00:00",
    ]


def test_guide_example_of_or_gives_ten_on_weekdays_and_eleven_on_weekends(backend: object) -> None:
    trigger = OrTrigger(
        CronTrigger(day_of_week="mon-fri", hour=10, timezone="UTC", start_time=START),
        CronTrigger(day_of_week="sat-sun", hour=11, timezone="UTC", start_time=START),
    )
    assert [f"{moment:%a %H}" for moment in trigger.next_n(5)] == [
        "Thu 10",
        "Fri 10",
        "Sat 11",
        "Sun 11",
        "Mon 10",
    ]


@KINDS
def test_trigger_is_of_its_class_and_does_not_change(trigger: Trigger) -> None:
    pickled = [pickle.loads(pickle.dumps(trigger, protocol)) for protocol in range(6)]
    for made in (trigger, copy.copy(trigger), trigger.copy(), *pickled):
        assert made.preview(3) == trigger.preview(3)
        assert type(made) is getattr(module, type(trigger).__name__)
        for field in attrs.fields(cast("Any", type(made))):
            with pytest.raises(FrozenAttributeError):
                setattr(made, field.name, getattr(made, field.name))


def test_starts_that_are_equal_keep_their_time_zones_and_passes(backend: object) -> None:
    """Python takes datetimes for equal that are of one instant, or of both passes of an overlap."""
    plus_two = datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2)))
    starts = [
        plus_two,
        plus_two.astimezone(UTC),
        plus_two.astimezone(ZoneInfo("UTC")),
        plus_two.astimezone(BERLIN),
        plus_two.astimezone(BERLIN).replace(fold=1),
        plus_two.astimezone(ZoneInfo.no_cache("Europe/Berlin")),
    ]
    for start in starts:
        first = IntervalTrigger(hours=1, start_time=start).next()
        assert first is not None
        assert first.tzinfo is start.tzinfo
        assert (first.isoformat(), first.fold) == (start.isoformat(), start.fold)


def test_zone_that_is_gone_is_not_taken_for_another_in_its_place(backend: object) -> None:
    for hours in range(-12, 13):
        start = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=hours)))
        first = IntervalTrigger(hours=1, start_time=start).next()
        assert first is not None
        assert first.utcoffset() == timedelta(hours=hours)


def test_combinations_take_triggers_in_every_form() -> None:
    for made in (
        OrTrigger([DAILY, HOURLY]),
        OrTrigger((DAILY, HOURLY)),
        OrTrigger(iter([DAILY, HOURLY])),
        OrTrigger(triggers=[DAILY, HOURLY]),
    ):
        assert made == OrTrigger(DAILY, HOURLY)
    expected = AndTrigger(DAILY, HOURLY, threshold=timedelta(seconds=5), max_iterations=9)
    assert AndTrigger([DAILY, HOURLY], 5, 9) == expected
    assert AndTrigger([DAILY, HOURLY], timedelta(seconds=5), 9) == expected
    assert AndTrigger([DAILY, HOURLY], threshold=5.0, max_iterations=9) == expected
    assert AndTrigger([DAILY, HOURLY], 5).max_iterations == 1000
    assert AndTrigger(DAILY).threshold == timedelta(seconds=1)


def test_module_exports_its_triggers_and_nothing_that_hides_other_names() -> None:
    names: dict[str, object] = {}
    exec("from datetime import date\nfrom rota.triggers import *", names)
    assert names["date"] is date
    assert names["CronTrigger"] is CronTrigger
    assert all(hasattr(module, name) for name in module.__all__)


def test_crontab_takes_its_zone_by_position() -> None:
    line = CronTrigger.from_crontab("0 5 * * *", "Asia/Tokyo", start_time=START)
    assert line == CronTrigger.from_crontab("0 5 * * *", timezone="Asia/Tokyo", start_time=START)
    assert line.timezone == ZoneInfo("Asia/Tokyo")


@KINDS
def test_trigger_is_what_its_text_makes(backend: object, trigger: Trigger) -> None:
    names = {name: getattr(module, name) for name in module.__all__}
    again = eval(repr(trigger), {**names, "datetime": datetime_module})
    assert again == trigger
    assert hash(again) == hash(trigger)
    assert [moment.isoformat() for moment in again.preview(3)] == [
        moment.isoformat() for moment in trigger.preview(3)
    ]


@KINDS
def test_copies_move_independently(backend: object, trigger: Trigger) -> None:
    original = trigger.at(None)
    original.next()
    expected = original.preview(4)
    for made in (
        original.copy(),
        copy.copy(original),
        copy.deepcopy(original),
        pickle.loads(pickle.dumps(original)),
        original.at(original.cursor),
    ):
        assert made == original
        assert hash(made) == hash(original)
        assert made.next_n(4) == expected
        assert original.preview(4) == expected
    assert original.at(None).preview(2) == trigger.preview(2)


def test_definitions_that_differ_are_not_equal() -> None:
    for one in EVERY_KIND:
        assert [one == other for other in EVERY_KIND].count(True) == 1
    assert not DAILY.same_rule(Listed([]))
    assert CronTrigger(hour=12, timezone="UTC", start_time=START, gap="skip") != DAILY


def test_preview_and_remaining_do_not_move(backend: object) -> None:
    trigger = OrTrigger(DAILY, IntervalTrigger(hours=8, start_time=START))
    for moved in range(4):
        preview = trigger.preview(10)
        assert trigger.remaining(preview[6]) == 7
        assert trigger.remaining(preview[6] - timedelta(microseconds=1)) == 6
        assert trigger.remaining(preview[6], limit=3) == 3
        assert trigger.remaining(START - timedelta(days=1)) == 0
        assert trigger.next() == preview[0], moved
    assert DateTrigger(START).remaining(START) == 1
    assert trigger.preview(0) == []
    with pytest.raises(ValueError, match="until must be aware"):
        trigger.remaining(datetime(2026, 1, 1))  # noqa: DTZ001


def test_remaining_of_an_and_trigger_counts_its_meetings(backend: object) -> None:
    trigger = AndTrigger(DAILY, HOURLY)
    trigger.next()
    assert trigger.remaining(datetime(2026, 1, 31, 23, tzinfo=UTC)) == 30
    assert trigger.remaining(datetime(2026, 1, 31, 23, tzinfo=UTC), limit=10) == 10
    assert trigger.next() == days(2)[0]


def test_trigger_that_has_ended_stays_at_its_end(backend: object) -> None:
    for trigger in (DateTrigger(START), IntervalTrigger(days=1, start_time=START, end_time=START)):
        assert trigger.next() == START
        assert [trigger.next() for _ in range(3)] == [None] * 3
        assert trigger.preview(3) == trigger.next_n(3) == []
        assert pickle.loads(pickle.dumps(trigger)).next() is None


def test_user_trigger_is_part_of_or(backend: object) -> None:
    trigger = OrTrigger(Listed(days(1, 2, 4)), DAILY, Listed(days(1, hour=18)))
    assert trigger.stateful
    first, second = trigger.next_n(2)
    assert [first, second] == [*days(1), *days(1, hour=18)]
    stored = pickle.loads(pickle.dumps(trigger))
    assert trigger.preview(2) == days(2, 3)
    assert stored.next_n(3) == trigger.next_n(3) == days(2, 3, 4)


def test_user_trigger_is_part_of_and(backend: object) -> None:
    trigger = AndTrigger(
        Listed(days(1, 2, 5, 9)), CronTrigger(hour=12, day="*/2", timezone="UTC", start_time=START)
    )
    assert trigger.next_n(9) == days(1, 5, 9)


def test_user_trigger_is_nested_anywhere(backend: object) -> None:
    inner = OrTrigger(Listed(days(1, 3)), Listed(days(4)))
    trigger = OrTrigger(AndTrigger(inner, OrTrigger(DAILY, HOURLY)), DateTrigger(days(2)[0]))
    expected = days(1, 2, 3, 4)
    assert trigger.preview(9) == expected
    assert trigger.remaining(days(3)[0]) == 3
    found = []
    while (moment := trigger.next()) is not None:
        found.append(moment)
        trigger = pickle.loads(pickle.dumps(trigger))
    assert found == expected


def test_user_trigger_that_goes_back_is_an_error_that_names_it(backend: object) -> None:
    trigger = OrTrigger(Listed(days(2, 1)), HOURLY)
    with pytest.raises(
        ValueError, match=r"^next\(\) of Listed must return times that ascend, got: 2026-01-01"
    ):
        trigger.next_n(100)
    naive = OrTrigger(Listed([datetime(2026, 1, 1)]))  # noqa: DTZ001
    with pytest.raises(
        ValueError,
        match=r"^next\(\) of Listed must return aware datetimes, got: 2026-01-01T00:00:00$",
    ):
        naive.next()


def test_triggers_that_never_meet_end_by_the_limit_of_iterations(backend: object) -> None:
    odd = IntervalTrigger(hours=2, start_time=START + timedelta(hours=1))
    even = IntervalTrigger(hours=2, start_time=START)
    for trigger in (
        AndTrigger(odd, even, max_iterations=50),
        AndTrigger(odd, Listed(days(1, 2, 3)), even, max_iterations=1),
    ):
        with pytest.raises(MaxIterationsReached, match=r"max_iterations, got: \d+$"):
            trigger.next_n(2)


def test_trigger_whose_search_fails_after_some_fire_times_stays_where_it_was(
    backend: object,
) -> None:
    often = IntervalTrigger(hours=1, start_time=START)
    until_three = IntervalTrigger(hours=1, start_time=START, end_time=START + timedelta(hours=2))
    odd = IntervalTrigger(hours=2, start_time=START + timedelta(minutes=30))
    trigger = AndTrigger(often, OrTrigger(until_three, odd), max_iterations=50)
    for ask in (trigger.next_n, trigger.next_micros):
        with pytest.raises(MaxIterationsReached):
            ask(4)
        assert trigger.cursor is None
    assert trigger.next_n(3) == [START + timedelta(hours=hours) for hours in range(3)]


def test_subclass_of_a_builtin_trigger_is_asked_step_by_step(backend: object) -> None:
    class Weekdays(CronTrigger):
        def next(self) -> datetime | None:
            moment = super().next()
            while moment is not None and moment.isoweekday() > 5:
                moment = super().next()
            return moment

    trigger = Weekdays(hour=12, timezone="UTC", start_time=START)
    assert trigger.preview(4) == trigger.next_n(4) == days(1, 2, 5, 6)
    either = OrTrigger(Weekdays(hour=12, timezone="UTC", start_time=START), DateTrigger(days(4)[0]))
    assert either.next_n(4) == days(1, 2, 4, 5)


def test_foreign_zone_works_alone_and_in_combinations(backend: object) -> None:
    zone = Foreign()
    foreign = CronTrigger(hour=4, timezone=zone, start_time=START)
    expected = ["2026-01-01T04:00:00+01:00", "2026-01-02T04:00:00+02:00"]
    assert [moment.isoformat() for moment in foreign.next_n(2)] == expected
    mixed = OrTrigger(foreign, DateTrigger(START))
    assert [moment.isoformat() for moment in mixed.next_n(3)] == [START.isoformat(), *expected]
    assert AndTrigger(foreign, HOURLY).next_n(2) == foreign.at(None).next_n(2)


def test_fire_times_of_or_are_in_the_zone_of_the_first_that_has_them(backend: object) -> None:
    tokyo = CronTrigger(hour=9, timezone="Asia/Tokyo", start_time=START)
    utc = CronTrigger(hour=0, timezone="UTC", start_time=START)
    assert [moment.isoformat() for moment in OrTrigger(tokyo, utc).next_n(2)] == [
        "2026-01-01T09:00:00+09:00",
        "2026-01-02T09:00:00+09:00",
    ]
    assert [moment.isoformat() for moment in OrTrigger(utc, tokyo).next_n(1)] == [
        "2026-01-01T00:00:00+00:00"
    ]


def test_start_and_end_are_inclusive(backend: object) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    later = noon + timedelta(days=2)
    assert CronTrigger(hour=12, timezone="UTC", start_time=noon, end_time=later).next_n(9) == days(
        1, 2, 3
    )
    assert IntervalTrigger(days=1, start_time=noon, end_time=later).next_n(9) == days(1, 2, 3)
    assert CalendarIntervalTrigger(
        days=1, hour=12, start_date=noon.date(), end_date=later.date(), timezone="UTC"
    ).next_n(9) == days(1, 2, 3)


def test_fields_that_are_not_given_are_small_below_and_every_above() -> None:
    def fields(trigger: CronTrigger) -> str:
        return " ".join(
            getattr(trigger, name)
            for name in "year month day week day_of_week hour minute second".split()
        )

    assert fields(CronTrigger()) == "* 1 1 * * 0 0 0"
    assert fields(CronTrigger(second="*/5")) == "* * * * * * * */5"
    assert fields(CronTrigger(hour=5)) == "* * * * * 5 0 0"
    assert fields(CronTrigger(month=5)) == "* 5 1 * * 0 0 0"
    assert fields(CronTrigger(day_of_week="mon")) == "* * * * mon 0 0 0"
    assert fields(CronTrigger(year=2030, minute=1)) == "2030 * * * * * 1 0"


@pytest.mark.parametrize("week", [1, 10, 53])
def test_week_is_that_of_iso_8601(backend: object, week: int) -> None:
    trigger = CronTrigger(week=week, day_of_week="wed", timezone="UTC", start_time=START)
    for moment in trigger.next_n(5):
        assert moment.isocalendar()[1:] == (week, 3)


def test_cron_ignores_what_is_less_than_a_second_of_its_start(backend: object) -> None:
    start = datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert CronTrigger(second="*", timezone="UTC", start_time=start).next() == START + timedelta(
        seconds=1
    )
    interval = IntervalTrigger(seconds=1, start_time=start)
    assert interval.next() == start
