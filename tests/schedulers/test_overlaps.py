"""Overlap policies: a schedule is due while an earlier job of it has not ended; and running one out of turn."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from rota import (
    AsyncScheduler,
    CoalescePolicy,
    FireTimeSkipped,
    IntervalTrigger,
    JobOutcome,
    JobReleased,
    OverlapPolicy,
    ScheduleLookupError,
    current_job,
)
from tests.schedulers.conftest import every_flavour

if TYPE_CHECKING:
    from rota.testing import VirtualClock

pytestmark = [pytest.mark.anyio, every_flavour]

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


def at(*seconds: float) -> list[datetime]:
    return [START + n * SECOND for n in seconds]


@pytest.mark.parametrize(
    ("policy", "started", "finished", "skipped", "cancelled"),
    [
        pytest.param(OverlapPolicy.allow, (0, 10, 20, 30, 40), (0, 10), (), 0, id="allow"),
        pytest.param(OverlapPolicy.skip, (0, 30), (0,), (10, 20, 40), 0, id="skip"),
        pytest.param(OverlapPolicy.cancel_other, (0, 10, 20, 30, 40), (), (), 4, id="cancel-other"),
        pytest.param(OverlapPolicy.queue_all, (0, 10), (0,), (), 0, id="queue-all"),
        pytest.param("skip", (0, 30), (0,), (10, 20, 40), 0, id="by-name"),
    ],
)
async def test_jobs_of_25_seconds_every_10_seconds(
    scheduler: AsyncScheduler,
    clock: VirtualClock,
    policy: OverlapPolicy | str,
    started: tuple[int, ...],
    finished: tuple[int, ...],
    skipped: tuple[int, ...],
    cancelled: int,
) -> None:
    begun: list[datetime | None] = []
    ended: list[datetime | None] = []
    skips: list[FireTimeSkipped] = []
    released: list[JobReleased] = []
    scheduler.subscribe(skips.append, FireTimeSkipped)
    scheduler.subscribe(released.append, JobReleased)

    async def work() -> None:
        begun.append(current_job.get().scheduled_fire_time)
        await clock.sleep(25)
        ended.append(current_job.get().scheduled_fire_time)

    await scheduler.configure_task("work", func=work, max_running_jobs=None)
    await scheduler.add_schedule("work", IntervalTrigger(seconds=10), id="s", overlap=policy)
    await clock.advance(44)

    assert begun == at(*started)
    assert ended == at(*finished)
    assert [event.fire_time for event in skips] == at(*skipped)
    outcomes = [event.outcome for event in released]
    assert outcomes.count(JobOutcome.cancelled) == cancelled


async def test_one_job_waits_at_most_where_one_may(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    begun: list[datetime | None] = []
    skips: list[FireTimeSkipped] = []
    scheduler.subscribe(skips.append, FireTimeSkipped)

    async def work() -> None:
        begun.append(current_job.get().scheduled_fire_time)
        await clock.sleep(25)

    await scheduler.add_schedule(
        work, IntervalTrigger(seconds=10), id="s", overlap=OverlapPolicy.queue_one
    )
    await clock.advance(49)
    waiting = [job.scheduled_fire_time for job in await scheduler.get_jobs() if not job.acquired_by]

    # 10 waits until 25 and 30 until 50; 20 and 40 find one that waits
    assert begun == at(0, 10)
    assert waiting == at(30)
    assert [event.fire_time for event in skips] == at(20, 40)


async def test_all_jobs_wait_their_turn_where_all_are_queued(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    begun: list[tuple[datetime, datetime | None]] = []

    async def work() -> None:
        begun.append((clock.now(), current_job.get().scheduled_fire_time))
        await clock.sleep(25)

    await scheduler.configure_task("work", func=work, max_running_jobs=None)
    await scheduler.add_schedule(
        "work",
        IntervalTrigger(seconds=10, end_time=START + 30 * SECOND),
        id="s",
        overlap=OverlapPolicy.queue_all,
    )
    await clock.advance(200)

    assert begun == list(zip(at(0, 25, 50, 75), at(0, 10, 20, 30), strict=True))
    assert await scheduler.get_jobs() == []


async def test_missed_fire_times_run_one_after_another_where_all_are_queued(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    begun: list[tuple[datetime, datetime | None]] = []

    async def work() -> None:
        begun.append((clock.now(), current_job.get().scheduled_fire_time))
        await clock.sleep(1)

    await scheduler.configure_task("work", func=work, max_running_jobs=None)
    await scheduler.add_schedule(
        "work",
        IntervalTrigger(seconds=10),
        id="s",
        coalesce=CoalescePolicy.all,
        overlap=OverlapPolicy.queue_all,
        paused=True,
    )
    await clock.advance(35)
    await scheduler.unpause_schedule("s")
    await clock.advance(4)

    assert begun == list(zip(at(35, 36, 37, 38), at(0, 10, 20, 30), strict=True))


async def test_policy_is_about_the_schedule_and_not_about_its_task(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    begun: list[str | None] = []

    async def work() -> None:
        begun.append(current_job.get().schedule_id)
        await clock.sleep(60)

    await scheduler.configure_task("work", func=work, max_running_jobs=None)
    for id_ in ("a", "b"):
        await scheduler.add_schedule(
            "work", IntervalTrigger(seconds=10), id=id_, overlap=OverlapPolicy.skip
        )
    await clock.advance(55)

    assert sorted(str(id_) for id_ in begun) == ["a", "b"]


async def test_of_several_missed_fire_times_the_latest_is_run(
    scheduler: AsyncScheduler, clock: VirtualClock
) -> None:
    begun: list[datetime | None] = []

    async def work() -> None:
        begun.append(current_job.get().scheduled_fire_time)

    await scheduler.add_schedule(
        work,
        IntervalTrigger(seconds=10),
        id="s",
        coalesce=CoalescePolicy.all,
        overlap=OverlapPolicy.skip,
        paused=True,
    )
    await clock.advance(35)
    await scheduler.unpause_schedule("s")
    await clock.advance(0)

    assert begun == at(30)


async def test_policy_can_be_changed(scheduler: AsyncScheduler) -> None:
    async def work() -> None:
        """Do nothing."""

    await scheduler.add_schedule(work, IntervalTrigger(hours=1), id="s")
    assert (await scheduler.get_schedule("s")).overlap is OverlapPolicy.allow
    await scheduler.update_schedule("s", overlap="skip")
    assert (await scheduler.get_schedule("s")).overlap is OverlapPolicy.skip
    with pytest.raises(ValueError, match=r"OverlapPolicy must be one of allow, skip, .*'never'"):
        await scheduler.update_schedule("s", overlap="never")


class TestOutOfTurn:
    async def test_schedule_is_run_now_and_keeps_its_fire_times(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        begun: list[tuple[datetime, str | None, int]] = []

        async def work(number: int) -> None:
            begun.append((clock.now(), current_job.get().schedule_id, number))

        await scheduler.add_schedule(work, IntervalTrigger(seconds=60), id="s", args=[7])
        await clock.advance(10)
        before = await scheduler.get_schedule("s")
        await scheduler.run_schedule("s")
        await scheduler.run_schedule("s")
        await clock.advance(0)
        assert await scheduler.get_schedule("s") == before
        await clock.advance(50)

        assert begun == [(time, "s", 7) for time in at(0, 10, 10, 60)]

    async def test_paused_schedule_can_be_run(
        self, scheduler: AsyncScheduler, clock: VirtualClock
    ) -> None:
        async def work() -> int:
            return 5

        await scheduler.add_schedule(
            work, IntervalTrigger(seconds=60), id="s", paused=True, job_result_expiration_time=60
        )
        job_id = await scheduler.run_schedule("s")
        await clock.advance(0)
        result = await scheduler.get_job_result(job_id)

        assert result is not None
        assert result.return_value == 5
        assert (await scheduler.get_schedule("s")).paused

    async def test_unknown_schedule_raises(self, scheduler: AsyncScheduler) -> None:
        with pytest.raises(ScheduleLookupError, match="'nothing'"):
            await scheduler.run_schedule("nothing")
