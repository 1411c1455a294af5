"""What a scheduler says of schedules in the log."""

from __future__ import annotations

from logging import DEBUG
from typing import TYPE_CHECKING

from rota.model import CoalescePolicy
from rota.schedulers._log_fields import schedule_fields
from rota.schedulers._outage import brief

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from logging import Logger

    from rota.model import Job, Schedule, ScheduleResult

__all__ = ["ScheduleLog"]

COUNTED = 1_000  #: more fire times than these are "1000 or more"


class ScheduleLog:
    """Logs what becomes of schedules: what goes well for debugging only, as it may be much."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def idle(self, seconds: float, reason: str) -> None:
        """Say that nothing is due, and for how long."""
        self._logger.debug(
            "no schedule is due; sleeping %.3f s: %s",
            seconds,
            reason,
            extra={"event": "schedules.idle", "sleep_seconds": seconds, "reason": reason},
        )

    def claimed(self, count: int, at: datetime) -> None:
        """Say how many schedules were claimed, at a time by the store's clock."""
        self._logger.debug(
            "claimed %d schedules at %s",
            count,
            at,
            extra={"event": "schedules.claimed", "schedules": count},
        )

    def refused(self, schedule_ids: Collection[str]) -> None:
        """Say for which schedules the decision did not count."""
        ids = sorted(schedule_ids)
        self._logger.debug(
            "schedules that were changed or removed while they were processed: %s",
            ids,
            extra={"event": "schedules.refused", "schedule_ids": ids},
        )

    def not_handed_back(self, schedule_ids: Collection[str], exc: Exception) -> None:
        """Say which schedules others can claim only when the leases on them have run out."""
        ids = sorted(schedule_ids)
        self._logger.warning(
            "could not hand back schedules that are due soon (%s); they fire when their leases have run out: %s",
            brief(exc),
            ids,
            extra={"event": "schedules.not_handed_back", "schedule_ids": ids},
        )

    def count_due(self, schedules: Sequence[Schedule], now: datetime) -> list[int]:
        """Return how many fire times each has up to `now`, if that is going to be said."""
        if not self._logger.isEnabledFor(DEBUG):
            return [0] * len(schedules)
        return [_count_due(schedule, now) for schedule in schedules]

    def decided(self, schedule: Schedule, result: ScheduleResult, due: int) -> None:
        """Say what was decided about a schedule.

        :param due: how many fire times it had, of `count_due`
        """
        if result.error is not None:
            self._logger.error(
                "schedule %r is set aside: %s",
                schedule.id,
                result.error,
                extra=schedule_fields("schedule.failed", schedule),
            )
        elif self._logger.isEnabledFor(DEBUG):
            self._explain(schedule, result, due)

    def _explain(self, schedule: Schedule, result: ScheduleResult, due: int) -> None:
        counted = f"{due}" if due < COUNTED else f"{due} or more"
        self._logger.debug(
            "schedule %r fired: %s due from %s, %s: %d jobs, the last for %s; next fire time: %s",
            schedule.id,
            counted,
            schedule.next_fire_time,
            _treatment(schedule) if due > 1 else "one job",
            len(result.jobs),
            result.last_fire_time,
            result.next_fire_time,
            extra=schedule_fields(
                "schedule.fired",
                schedule,
                due=due,
                jobs=len(result.jobs),
                fire_time=_text(result.last_fire_time),
                next_fire_time=_text(result.next_fire_time),
            ),
        )

    def skipped(self, job: Job) -> None:
        """Say that a fire time gave no job."""
        self._logger.info(
            "schedule %r: no job for %s, an earlier one has not ended",
            job.schedule_id,
            job.original_scheduled_time,
            extra={
                "event": "fire_time.skipped",
                "schedule_id": job.schedule_id,
                "task_id": job.task_id,
                "fire_time": _text(job.original_scheduled_time),
            },
        )


def _treatment(schedule: Schedule) -> str:
    if schedule.coalesce is not CoalescePolicy.all:
        return f"coalesced into the {schedule.coalesce.name} one"
    if schedule.catch_up_window is None:
        return "one job each"
    return f"one job each, none older than {schedule.catch_up_window}"


def _count_due(schedule: Schedule, now: datetime) -> int:
    try:
        return 1 + schedule.trigger.remaining(now, limit=COUNTED - 1)
    except BaseException:  # noqa: BLE001 - the decision will say what is wrong with the trigger
        return 0


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
