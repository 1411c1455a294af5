"""How a scheduler is set up."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Collection, Mapping, MutableMapping
from datetime import timedelta
from itertools import count
from logging import Logger, getLogger
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from attrs import Factory, define, field
from attrs.validators import min_len

from rota._environment import current_clock, new_id, system_random
from rota.abc import Clock, DataStore, EventBroker, JobExecutor, JobFilter
from rota.model import SchedulerRole, TaskDefaults
from rota.model._validation import (
    MAX_ID_LENGTH,
    as_length,
    as_role,
    check_identifier,
    length,
    of_type,
    positive_length,
    positive_length_or_none,
    running_limit,
)

if TYPE_CHECKING:
    from attrs import Attribute

__all__ = ["Settings"]

POLLING_IN_PROCESS = timedelta(minutes=1)  #: nobody else can change what lives in this process
POLLING_SHARED = timedelta(seconds=5)
MAX_IDENTITY_LENGTH = MAX_ID_LENGTH - 37  #: as each start adds a UUID to it

_numbers = count(1)

T = TypeVar("T")


def _service(name: str, given: object, kind: type[T], example: str) -> T:
    """Refuse what is none, without showing it: it may be a URL with a password."""
    if not isinstance(given, kind):
        got = type(given).__qualname__
        raise TypeError(
            f"{name} must be of type {kind.__name__}, such as {example}, got an object of type {got}"
        )
    return given


def _data_store(given: DataStore | None) -> DataStore:
    if given is not None:
        return _service("data_store", given, DataStore, "SQLAlchemyDataStore(url)")  # type: ignore[type-abstract]
    from rota.datastores.memory import MemoryDataStore

    return MemoryDataStore()


def _event_broker(given: EventBroker | None) -> EventBroker:
    if given is not None:
        return _service("event_broker", given, EventBroker, "RedisEventBroker(url)")  # type: ignore[type-abstract]
    from rota.eventbrokers.local import LocalEventBroker

    return LocalEventBroker()


def _job_executors(
    given: MutableMapping[str, JobExecutor] | None,
) -> MutableMapping[str, JobExecutor]:
    if given is not None:
        anything: Any = given
        values = anything.values() if isinstance(anything, Mapping) else [None]
        if not all(isinstance(executor, JobExecutor) for executor in values):
            raise TypeError(f"job_executors must map names to JobExecutors, got: {given!r:.100}")
        return given
    from rota.executors.async_ import AsyncJobExecutor
    from rota.executors.subprocess import ProcessPoolJobExecutor
    from rota.executors.thread import ThreadPoolJobExecutor

    return {
        "async": AsyncJobExecutor(),
        "threadpool": ThreadPoolJobExecutor(),
        "processpool": ProcessPoolJobExecutor(),
    }


def _identity(given: str) -> str:
    return given or f"{platform.node()}-{os.getpid()}-{next(_numbers)}"


def _possible_identity(_instance: object, attribute: Attribute[Any], value: str) -> None:
    check_identifier(attribute.name, value)
    if len(value) > MAX_IDENTITY_LENGTH:
        raise ValueError(
            f"{attribute.name} must have at most {MAX_IDENTITY_LENGTH} characters, got: {len(value)}"
        )


def _clock(given: Clock | None) -> Clock:
    return given or current_clock()


def _random(given: Random | None) -> Random:
    return given or system_random()


def _modules(given: Collection[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise TypeError(f"task_modules must be a collection of names, got: {given!r}")
    return tuple(given)


def _logger(given: Logger | None) -> Logger:
    return given or getLogger("rota")


def _default_polling_interval(settings: Settings) -> timedelta:
    return POLLING_SHARED if settings.data_store.persistent else POLLING_IN_PROCESS


@define(eq=False, slots=False)
class Settings:
    """The settings of a scheduler. Lengths of time may be given as seconds.

    :param data_store: where tasks, schedules and jobs are kept; by default the memory of this process
    :param event_broker: how schedulers that share a data store tell each other of changes
    :param lease_duration: how long a claim lasts that is not renewed, so how soon the death of a worker is noticed
    :param identity: the name of this scheduler in logs and in the data store; by default made of host and process
    :param role: whether it processes schedules, runs jobs, or both
    :param task_defaults: the settings of tasks that say nothing else
    :param max_concurrent_jobs: how many jobs it holds at once, at most: those that run, and those that wait for a
        thread or a process
    :param job_executors: by name, what runs jobs; by default "async" (for coroutine functions), "threadpool" (for other
        callables) and "processpool". If neither of the first two is given, the first one is the default
    :param cleanup_interval: how often expired results are removed; `None` for never
    :param logger: where it tells what it does
    :param clock: what it reads time from and waits with
    :param random: where jitter and back-off are drawn from
    :param new_id: makes the ids of jobs and schedules
    :param task_modules: modules and packages from which the callables of stored tasks may be imported, besides those
        that are registered in this process
    :param polling_interval: how often the data store is asked even if nothing tells that something has changed; by
        default a minute for a store inside this process, else five seconds
    :param shutdown_timeout: how long running jobs may go on after the scheduler was told to stop
    :param accept: which jobs it runs; `None` for all
    """

    data_store: DataStore = field(
        default=None,
        converter=_data_store,
    )
    event_broker: EventBroker = field(
        default=None,
        converter=_event_broker,
    )
    lease_duration: timedelta = field(
        default=timedelta(seconds=30), converter=as_length, validator=positive_length
    )
    identity: str = field(
        default="", kw_only=True, converter=_identity, validator=_possible_identity
    )
    role: SchedulerRole = field(default=SchedulerRole.both, kw_only=True, converter=as_role)
    task_defaults: TaskDefaults = field(
        factory=TaskDefaults, kw_only=True, validator=of_type(TaskDefaults)
    )
    max_concurrent_jobs: int = field(
        default=100, kw_only=True, validator=[of_type(int), running_limit]
    )
    job_executors: MutableMapping[str, JobExecutor] = field(
        default=None, kw_only=True, converter=_job_executors, validator=min_len(1)
    )
    cleanup_interval: timedelta | None = field(
        default=timedelta(minutes=15),
        kw_only=True,
        converter=as_length,
        validator=positive_length_or_none,
    )
    logger: Logger = field(default=None, kw_only=True, converter=_logger)
    clock: Clock = field(default=None, kw_only=True, converter=_clock)
    random: Random = field(default=None, kw_only=True, converter=_random)
    new_id: Callable[[], UUID] = field(default=new_id, kw_only=True)
    task_modules: Collection[str] = field(default=(), kw_only=True, converter=_modules)
    polling_interval: timedelta = field(
        default=Factory(_default_polling_interval, takes_self=True),
        kw_only=True,
        converter=as_length,
        validator=positive_length,
    )
    shutdown_timeout: timedelta = field(
        default=timedelta(seconds=10), kw_only=True, converter=as_length, validator=length
    )
    accept: JobFilter | None = field(
        default=None, kw_only=True, validator=of_type(JobFilter, type(None))
    )
