"""One scheduler in a process of its own, made to be killed."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from datetime import datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

from attrs import frozen

from rota import AsyncScheduler, JobReleased, SchedulerRole, SchedulerStarted
from rota._environment import SystemClock
from rota.datastores.sql._dialect import Dialect
from rota.datastores.sql._postgresql import PostgreSQL
from rota.datastores.sql.firing import Firing
from rota.datastores.sql.jobs import Jobs
from rota.datastores.sql.news import News
from rota.datastores.sql.outages import RetrySettings
from rota.datastores.sqlalchemy import SQLAlchemyDataStore
from rota.eventbrokers.local import LocalEventBroker
from rota.executors.async_ import AsyncJobExecutor
from rota.executors.subprocess import ProcessPoolJobExecutor
from rota.executors.thread import ThreadPoolJobExecutor
from rota.model import JobLeaseLost
from rota.schedulers._schedule_loop import ScheduleLoop
from tests.faults import _journal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rota.abc import EventBroker

__all__ = ["NodeOptions", "broker_of", "run"]

BROKER_IDLE_SECONDS = (
    1.0  #: after how many without a sign of life a broker takes its connection for dead
)


@frozen(kw_only=True)
class NodeOptions:
    """What a node is to be.

    :param journal: the file to which its jobs write
    :param log: the file to which it logs
    :param broker: the kind of its event broker; the one within the process if empty
    :param broker_url: where the server of that is, as `_brokers` below takes it
    :param fail_point: where it kills or stops itself, see `FAIL_POINTS`
    :param skew_seconds: by how much its clock is fast
    :param attempt_seconds: after how many it takes a connection for dead
    :param idle_seconds: for how long the server lets it leave a transaction open
    """

    identity: str
    url: str
    table_prefix: str
    journal: str
    log: str
    lease_seconds: float = 2.0
    polling_seconds: float = 0.3
    role: str = "both"
    max_concurrent_jobs: int = 100
    broker: str = ""
    broker_url: str = ""
    fail_point: str = ""
    skew_seconds: float = 0.0
    idle_seconds: int = 30
    attempt_seconds: float = 60.0


class SkewedClock(SystemClock):
    """The clock of a host that nobody has set."""

    def __init__(self, seconds: float) -> None:
        self._difference = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._difference


def run(options: NodeOptions) -> None:
    """Run a scheduler until SIGTERM."""
    os.environ[_journal.PATH_VARIABLE] = options.journal
    os.environ[_journal.NODE_VARIABLE] = options.identity
    logging.basicConfig(filename=options.log, level="INFO", force=True)
    if options.fail_point:
        FAIL_POINTS[options.fail_point]()
    Dialect.idle_seconds = options.idle_seconds
    asyncio.run(_serve(options))


def broker_of(kind: str, url: str, channel: str) -> EventBroker:
    """Make the event broker of a node, on a channel of its cluster."""
    match kind:
        case "asyncpg":
            from rota.eventbrokers.asyncpg import AsyncpgEventBroker

            return AsyncpgEventBroker(url, channel=channel, max_idle_time=BROKER_IDLE_SECONDS)
        case "psycopg":
            from rota.eventbrokers.psycopg import PsycopgEventBroker

            return PsycopgEventBroker(url, channel=channel, max_idle_time=BROKER_IDLE_SECONDS)
        case "redis":
            from rota.eventbrokers.redis import RedisEventBroker

            return RedisEventBroker(url, channel=channel, max_idle_time=BROKER_IDLE_SECONDS)
        case "nats":
            from rota.eventbrokers.nats import NATSEventBroker

            return NATSEventBroker(url, subject=channel, max_idle_time=BROKER_IDLE_SECONDS)
        case "mqtt":
            from rota.eventbrokers.mqtt import MQTTEventBroker

            host, _, port = url.partition(":")
            return MQTTEventBroker(
                host, int(port), topic=channel, max_idle_time=BROKER_IDLE_SECONDS
            )
    return LocalEventBroker()


async def _serve(options: NodeOptions) -> None:
    store = SQLAlchemyDataStore(
        options.url,
        table_prefix=options.table_prefix,
        retry_settings=RetrySettings(attempt_timeout=options.attempt_seconds),
    )
    scheduler = AsyncScheduler(
        store,
        broker_of(options.broker, options.broker_url, options.table_prefix),
        identity=options.identity,
        role=SchedulerRole[options.role],
        max_concurrent_jobs=options.max_concurrent_jobs,
        lease_duration=timedelta(seconds=options.lease_seconds),
        polling_interval=timedelta(seconds=options.polling_seconds),
        clock=SkewedClock(options.skew_seconds) if options.skew_seconds else SystemClock(),
        task_modules=["tests.faults._tasks"],
        job_executors={
            "async": AsyncJobExecutor(),
            "threadpool": ThreadPoolJobExecutor(),
            "processpool": ProcessPoolJobExecutor(max_workers=2),
        },
    )
    async with scheduler:
        scheduler.subscribe(_record, {SchedulerStarted, JobReleased, JobLeaseLost})
        await scheduler.run_until_stopped()


def _record(event: SchedulerStarted | JobReleased | JobLeaseLost) -> None:
    """Write down what the scheduler tells."""
    if isinstance(event, JobReleased):
        _journal.write(
            "released", job=str(event.job_id), task=event.task_id, outcome=event.outcome.name
        )
    elif isinstance(event, JobLeaseLost):
        _journal.write("lost", job=str(event.job_id), task=event.task_id)
    else:
        _journal.write("started")


def _always(*_: object) -> bool:
    return True


def _at(
    owner: type, name: str, number: signal.Signals, when: Callable[..., object] = _always
) -> Callable[[], None]:
    """Return what has the process send itself a signal when a method is about to be called for the first time.

    :param when: given the arguments, whether this call counts
    """

    def arm() -> None:
        original: Callable[..., Any] = getattr(owner, name)

        @wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            if when(*args, **kwargs):
                setattr(owner, name, original)
                os.kill(os.getpid(), number)
            return original(*args, **kwargs)

        setattr(owner, name, call)

    return arm


def _half_released(number: signal.Signals) -> Callable[[], None]:
    """Return what sends a signal between the two writes that release schedules. PostgreSQL advances them first."""

    def is_second(part: Firing | Jobs, *_: object) -> bool:
        advances_first = isinstance(part._base.dialect, PostgreSQL)
        return advances_first is isinstance(part, Jobs)

    def arm() -> None:
        _at(Jobs, "add_new", number, is_second)()
        _at(Firing, "_advance", number, is_second)()

    return arm


#: the moments at which a node can end or freeze itself
FAIL_POINTS: Mapping[str, Callable[[], None]] = {
    # within the transaction that releases schedules
    "half-released": _half_released(signal.SIGKILL),
    "frozen-half-released": _half_released(signal.SIGSTOP),
    # that transaction has been committed, and nothing has been told of it
    "schedules-advanced": _at(News, "released", signal.SIGKILL),
    # schedules have been claimed, and nothing has been decided
    "schedules-claimed": _at(ScheduleLoop, "_decide", signal.SIGKILL),
    # the same, but it may come back
    "frozen-with-schedules": _at(ScheduleLoop, "_decide", signal.SIGSTOP),
    # jobs have been claimed, and none has begun
    "jobs-claimed": _at(News, "claimed", signal.SIGKILL, lambda _, claimed, *__: claimed.jobs),
    # the results of jobs have been recorded, and the worker does not know it yet
    "results-recorded": _at(News, "ended", signal.SIGKILL, lambda _, endings, *__: endings),
}
