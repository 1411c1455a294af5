"""What is stored comes back as it was: times to the microsecond, offsets, ids byte by byte."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from rota.model import CoalescePolicy, ConflictPolicy, OverlapPolicy, Schedule
from rota.testing._datastore._fixtures import (
    HOUR,
    LONG_AGO,
    MICROSECOND,
    DataStoreFixtures,
    add,
    claim_one_job,
    claim_one_schedule,
    claim_schedules,
    ended,
    fire,
    make_job,
    make_schedule,
    make_task,
    only,
)
from rota.triggers import AndTrigger, CronTrigger, DateTrigger, IntervalTrigger, OrTrigger

if TYPE_CHECKING:
    from rota.abc import DataStore, Trigger

#: ids that are all different, however much a collation, a parser or a normalization may like to see them as one
IDS = [
    "a",
    "A",
    "\u00e1",
    "a\u0301",
    "ä",
    "ae",
    "æ",
    "a ",
    " a",
    "a\t",
    "a\n",
    "ß",
    "ss",
    "ı",
    "i",
    "I",
    "İ",
    "ｱ",
    "ア",
    "日本",
    "\U0001f552",
    "\U0001f552\ufe0f",
    "%",
    "_",
    "a%",
    "a_",
    "\\",
    "\\\\",
    "'",
    '"',
    "`",
    "''; DROP TABLE schedules; --",
    "1 OR 1=1",
    ":a",
    "%(a)s",
    "{a}",
    "?",
    "$1",
    "NULL",
    "None",
    "0",
    "00",
    "x" * 500,
    "y" * 499 + "é",
    "y" * 499 + "e",
]

MOMENTS = {
    "microsecond": datetime(2038, 1, 19, 3, 14, 8, 1, tzinfo=timezone.utc),
    "last-microsecond": datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
    "before-1970": datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
    "year-1": datetime(1, 1, 2, tzinfo=timezone.utc),
    "year-9999": datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=timezone.utc),
    "east": datetime(2026, 3, 29, 12, 0, 0, 7, tzinfo=timezone(timedelta(hours=13, minutes=45))),
    "west": datetime(2026, 3, 29, 12, 0, 0, 7, tzinfo=timezone(-timedelta(hours=9, minutes=30))),
    "second-pass": datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
    "first-pass": datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=ZoneInfo("Europe/Berlin")),
}

TRIGGERS: dict[str, Trigger] = {
    "date": DateTrigger(LONG_AGO),
    "interval": IntervalTrigger(seconds=0.000_001, start_time=LONG_AGO),
    "cron": CronTrigger(minute="*/7", start_time=LONG_AGO, timezone="Europe/Berlin"),
    "or": OrTrigger(
        IntervalTrigger(hours=5, start_time=LONG_AGO), IntervalTrigger(hours=7, start_time=LONG_AGO)
    ),
    "and": AndTrigger(
        IntervalTrigger(hours=5, start_time=LONG_AGO), IntervalTrigger(hours=7, start_time=LONG_AGO)
    ),
}


def exactly(moment: datetime | None) -> tuple[datetime, timedelta | None]:
    """Return what must come back of a time: the instant and the offset."""
    assert moment is not None
    return moment.astimezone(timezone.utc), moment.utcoffset()


class RoundTrips(DataStoreFixtures):
    """Nothing is rounded, folded or confused."""

    async def test_schedule_comes_back_with_all_its_settings(self, store: DataStore) -> None:
        schedule = Schedule(
            id="schedule",
            task_id="task",
            trigger=IntervalTrigger(hours=1, start_time=LONG_AGO),
            args=["é", 1, None, [2.5]],
            kwargs={"x": {"y": b"\0"}},
            paused=True,
            coalesce=CoalescePolicy.all,
            misfire_grace_time=MICROSECOND,
            max_jitter=timedelta(seconds=1, microseconds=1),
            job_executor="threads",
            job_result_expiration_time=timedelta(days=30, microseconds=1),
            metadata={"nested": {"list": [1, 2.5, None, True, "é"]}},
            priority=-3,
            catch_up_window=timedelta(days=400),
            overlap=OverlapPolicy.cancel_other,
            next_fire_time=LONG_AGO,
            last_fire_time=LONG_AGO - MICROSECOND,
        )
        await add(store, schedule)
        assert await store.get_schedules() == [schedule]

    async def test_schedule_comes_back_with_the_defaults(self, store: DataStore) -> None:
        schedule = make_schedule()
        await add(store, schedule)
        assert await store.get_schedules() == [schedule]

    async def test_job_comes_back_with_all_its_settings(self, store: DataStore) -> None:
        job = make_job(
            id=UUID("fedcba98-7654-4321-8fed-cba987654321"),
            args=["é", 1, None, [2.5]],
            kwargs={"x": {"y": b"\0"}},
            schedule_id="schédule",
            scheduled_fire_time=LONG_AGO + MICROSECOND,
            jitter=MICROSECOND,
            executor="threads",
            start_deadline=LONG_AGO + timedelta(days=9_999),
            result_expiration_time=timedelta(days=30, microseconds=1),
            metadata={"nested": {"list": [1, 2.5, None, True, "é"]}},
            priority=-3,
            not_before=LONG_AGO + MICROSECOND,
            attempt=3,
            serial=True,
            created_at=LONG_AGO - MICROSECOND,
        )
        await store.add_jobs([job])
        assert await store.get_jobs() == [job]
        claimed = await claim_one_job(store)
        assert (claimed.args, claimed.kwargs, claimed.metadata) == (
            job.args,
            job.kwargs,
            job.metadata,
        )
        assert claimed.original_scheduled_time == LONG_AGO

    @pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
    async def test_times_of_a_schedule_come_back(self, store: DataStore, moment: datetime) -> None:
        schedule = make_schedule(next_fire_time=moment, last_fire_time=moment)
        await add(store, schedule)
        found = only(await store.get_schedules())
        assert exactly(found.next_fire_time) == exactly(moment)
        assert exactly(found.last_fire_time) == exactly(moment)
        if moment <= await store.now():
            result = fire(await claim_one_schedule(store), jobs=(), next_fire_time=moment)
            assert await store.release_schedules("A", [result]) == set()
            found = only(await store.get_schedules())
            assert exactly(found.next_fire_time) == exactly(moment)
            assert exactly(found.last_fire_time) == exactly(moment)

    @pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
    async def test_times_of_a_job_come_back(self, store: DataStore, moment: datetime) -> None:
        utc = moment.astimezone(timezone.utc)
        await store.add_jobs(
            [make_job(scheduled_fire_time=moment, created_at=moment, start_deadline=moment)]
        )
        found = only(await store.get_jobs())
        assert exactly(found.scheduled_fire_time) == exactly(moment)
        assert (found.created_at, found.start_deadline) == (utc, utc)

    @pytest.mark.parametrize("name", TRIGGERS)
    async def test_trigger_stands_where_it_stood(self, store: DataStore, name: str) -> None:
        """At the start, and from one firing to the next."""
        reference, trigger = TRIGGERS[name].copy(), TRIGGERS[name].copy()
        expected = reference.next_n(5)
        await add(store, make_schedule(trigger=trigger, next_fire_time=trigger.next()))
        found = [schedule.next_fire_time for schedule in await store.get_schedules()]
        while await store.get_schedules():
            (schedule,) = await claim_schedules(store)
            await store.release_schedules("A", [fire(schedule)])
            if len(found) == len(expected):
                break
            found += [schedule.next_fire_time for schedule in await store.get_schedules()]
        assert list(map(exactly, found)) == list(map(exactly, expected))

    async def test_ids_of_tasks_are_compared_byte_by_byte(self, store: DataStore) -> None:
        for number, id_ in enumerate(IDS):
            await store.add_task(make_task(id_, max_running_jobs=number + 1))
        found = {task.id: task.max_running_jobs for task in await store.get_tasks()}
        assert found == {"task": None} | {id_: number + 1 for number, id_ in enumerate(IDS)}
        assert [task.id for task in await store.get_tasks()] == sorted([*IDS, "task"])
        for number, id_ in enumerate(IDS):
            assert (await store.get_task(id_)).max_running_jobs == number + 1

    async def test_ids_of_schedules_are_compared_byte_by_byte(self, store: DataStore) -> None:
        await add(store, *(make_schedule(id_, args=[id_]) for id_ in IDS))
        found = await store.get_schedules()
        assert [schedule.id for schedule in found] == sorted(IDS)
        assert all(schedule.args == (schedule.id,) for schedule in found)
        for id_ in IDS:
            assert only(await store.get_schedules([id_])).id == id_
        changed = [make_schedule(id_, args=[id_, 2]) for id_ in IDS[::2]]
        await add(store, *changed, conflict_policy=ConflictPolicy.replace)
        found = await store.get_schedules()
        assert {s.id for s in found if len(s.args) == 2} == set(IDS[::2])
        await store.release_schedules("A", [fire(s) for s in await claim_schedules(store)])
        assert sorted(str(job.schedule_id) for job in await store.get_jobs()) == sorted(IDS)
        for id_ in IDS[::3]:
            await store.remove_schedules([id_])
        kept = {id_ for number, id_ in enumerate(IDS) if number % 3}
        assert {schedule.id for schedule in await store.get_schedules()} == kept

    async def test_ids_of_schedulers_are_compared_byte_by_byte(self, store: DataStore) -> None:
        await store.add_jobs([make_job(result_expiration_time=HOUR) for _ in IDS])
        now = await store.now()
        for number, id_ in enumerate(IDS):
            other = IDS[number - 1]
            (job,) = (await store.acquire_jobs(id_, HOUR, 1)).items
            assert job.acquired_by == id_
            await store.cancel_jobs([job.id])
            assert await store.cancelled_jobs(other) == set()
            assert await store.release_jobs(other, [ended(job, now)]) == {job.id}
            assert await store.release_jobs(id_, [ended(job, now)]) == set()
