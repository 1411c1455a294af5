"""Converters and validators of the model, each rule once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeVar, overload
from uuid import UUID

from rota.model._enums import (
    AbandonedPolicy,
    CoalescePolicy,
    ConflictPolicy,
    OverlapPolicy,
    SchedulerRole,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import Enum

    from attrs import Attribute

MAX_ID_LENGTH = 500  #: characters; the shortest key that every supported database can index
MAX_METADATA_LENGTH = 1_000_000  #: characters of JSON, in ASCII
MAX_LENGTH = timedelta(
    days=36_525
)  #: of any length of time: a century, so that sums with times stay within the years
_MAX_SECONDS = MAX_LENGTH.total_seconds()
_NO_TIME = timedelta(0)
MAX_LIMIT = 2**31 - 1
PRIORITIES = range(-(2**31), 2**31)
_E = TypeVar("_E", bound="Enum")


@overload
def as_length(value: timedelta | float) -> timedelta: ...
@overload
def as_length(value: None) -> None: ...
def as_length(value: timedelta | float | None) -> timedelta | None:
    """Convert a number of seconds to a `timedelta`; what is none is left to `length`, which can name the field."""
    if (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and abs(value) <= _MAX_SECONDS
    ):
        return timedelta(seconds=value)
    return value  # type: ignore[return-value]  # whoever uses this has a validator


def check_length(name: str, value: object) -> None:
    """Refuse what is no length of time, or longer than a century."""
    if isinstance(value, bool) or not isinstance(value, (timedelta, int, float)):
        raise TypeError(f"{name} must be a timedelta or a number of seconds, got: {value!r:.100}")
    if not isinstance(value, timedelta):  # nor could it be made one, like NaN
        raise ValueError(f"{name} must be at most {MAX_LENGTH.days} days, got: {value} seconds")
    if value > MAX_LENGTH:
        raise ValueError(f"{name} must be at most {MAX_LENGTH.days} days, got: {value}")


@overload
def as_timedelta(value: timedelta | float, name: str = ...) -> timedelta: ...
@overload
def as_timedelta(value: None, name: str = ...) -> None: ...
def as_timedelta(
    value: timedelta | float | None, name: str = "a length of time"
) -> timedelta | None:
    """Convert a number of seconds to a `timedelta`; leave the others alone."""
    length = as_length(value)
    if length is not None:
        check_length(name, length)
    return length


def as_utc(value: datetime | None, name: str = "a point in time") -> datetime | None:
    """Convert an aware datetime to UTC; refuse a naive one."""
    value = as_aware(value, name)
    if value is None or value.tzinfo is timezone.utc:
        return value
    try:
        return value.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError(
            f"{name} must be within the years 1 to 9999 in UTC, got: {value.isoformat()}"
        ) from None


def as_aware(value: datetime | None, name: str = "a point in time") -> datetime | None:
    """Pass an aware datetime through in its own zone; refuse a naive one."""
    if value is not None and not isinstance(value, datetime):
        raise TypeError(f"{name} must be a datetime, got: {value!r:.100}")
    if value is not None and value.tzinfo is None:
        raise ValueError(f"{name} must have a time zone, got: {value.isoformat()}")
    return value


def _as_enum(enum: type[_E], value: _E | str) -> _E:
    if isinstance(value, enum):
        return value
    try:
        return enum[value]  # type: ignore[index]
    except (KeyError, TypeError):  # of what has no hash
        names = ", ".join(member.name for member in enum)
        raise ValueError(f"{enum.__name__} must be one of {names}, got: {value!r}") from None


def as_coalesce_policy(value: CoalescePolicy | str) -> CoalescePolicy:
    """Accept a policy or its name."""
    return _as_enum(CoalescePolicy, value)


def as_abandoned_policy(value: AbandonedPolicy | str) -> AbandonedPolicy:
    """Accept a policy or its name."""
    return _as_enum(AbandonedPolicy, value)


def as_overlap_policy(value: OverlapPolicy | str) -> OverlapPolicy:
    """Accept a policy or its name."""
    return _as_enum(OverlapPolicy, value)


def as_conflict_policy(value: ConflictPolicy | str) -> ConflictPolicy:
    """Accept a policy or its name."""
    return _as_enum(ConflictPolicy, value)


def as_role(value: SchedulerRole | str) -> SchedulerRole:
    """Accept a role or its name."""
    return _as_enum(SchedulerRole, value)


def as_args(value: Iterable[Any]) -> tuple[Any, ...]:
    """Accept any iterable as positional arguments, but text, which is meant as a single one."""
    if type(value) is tuple:
        return value
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise TypeError(f"args must be a sequence of arguments, got: {value!r:.100}")
    return tuple(value)


def as_kwargs(value: Mapping[str, Any]) -> dict[str, Any]:
    """Copy keyword arguments."""
    if type(value) is dict and not value:
        return {}
    if not hasattr(value, "keys") or not all(isinstance(name, str) for name in value):
        raise TypeError(f"kwargs must be a mapping from names to values, got: {value!r:.100}")
    return dict(value)


def as_tags(value: Iterable[str]) -> frozenset[str]:
    """Accept any iterable of words but a string, which is a word by itself."""
    return _as_words("tags", value)


def as_task_ids(value: Iterable[str]) -> frozenset[str]:
    """Accept any iterable of ids but a string, which is an id by itself."""
    return _as_words("task_ids", value)


def _as_words(name: str, value: Iterable[str]) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a set of words, got: {value!r:.100}")
    words = tuple(value)
    if not all(isinstance(word, str) for word in words):
        raise TypeError(f"{name} must be a set of words, got: {words!r:.100}")
    return frozenset(words)


def as_metadata(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check that the metadata can be stored as JSON."""
    _check_mapping(value)
    if not value:
        return value
    try:
        length = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as exc:
        raise ValueError(f"metadata must consist of JSON-compatible values: {exc}") from exc
    if length > MAX_METADATA_LENGTH:
        raise ValueError(
            f"metadata must have at most {MAX_METADATA_LENGTH} characters as JSON, got: {length}"
        )
    return value


def merged_metadata(inherited: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return inherited metadata with what is given besides."""
    _check_mapping(given)
    return {**inherited, **given}


def _check_mapping(metadata: object) -> None:
    if not hasattr(metadata, "keys"):
        raise TypeError(f"metadata must be a mapping, got: {metadata!r:.100}")


def identifier(_instance: object, attribute: Attribute[Any], value: object) -> None:
    """Refuse ids that not every data store can keep exactly."""
    check_identifier(attribute.name, value)


def check_identifier(name: str, value: object) -> None:
    """Refuse an id that not every data store can keep exactly."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be of type str, got: {value!r}")
    if (flaw := _flaw_of(value)) is not None:
        raise ValueError(f"{name} must {flaw}")


def _flaw_of(id_: str) -> str | None:
    """Return what an id must be that this one is not, if it is none that every data store can keep exactly."""
    if not id_:
        return "not be empty"
    if len(id_) > MAX_ID_LENGTH:
        return f"have at most {MAX_ID_LENGTH} characters, got: {len(id_)}"
    if "\0" in id_:
        return f"not contain a NUL character, got: {id_!r}"
    if not id_.isascii() and any("\ud800" <= char <= "\udfff" for char in id_):
        return f"not contain half a character, got: {id_!r}"
    return None


def is_possible_id(value: object) -> bool:
    """Tell whether something can have this id; what cannot need not be looked for.

    :raises TypeError: if it is not text
    """
    if not isinstance(value, str):
        raise TypeError(f"an id must be of type str, got: {value!r:.100}")
    return _flaw_of(value) is None


def possible_ids(values: Iterable[str]) -> set[str]:
    """Return those of the ids that something can have.

    :raises TypeError: if they are a text, or one of them is not text
    """
    if isinstance(values, str):
        raise TypeError(f"ids must be a collection of ids, got: {values!r:.100}")
    return {value for value in values if is_possible_id(value)}


def job_ids(values: Iterable[UUID]) -> set[UUID]:
    """Return the ids of jobs.

    :raises TypeError: if one of them is not a UUID
    """
    ids = set()
    for value in values:
        if not isinstance(value, UUID):
            raise TypeError(
                "the id of a job must be a uuid.UUID, which UUID(text) makes of a text, got the"
                f" {type(value).__name__} {value!r:.100}"
            )
        ids.add(value)
    return ids


def of_type(*types: type) -> Callable[[object, Attribute[Any], object], None]:
    """Make a validator that refuses what is none of `types`."""
    names = " or ".join("None" if kind is type(None) else kind.__name__ for kind in types)

    def check(_instance: object, attribute: Attribute[Any], value: object) -> None:
        if not isinstance(value, types):
            raise TypeError(f"{attribute.name} must be of type {names}, got: {value!r:.100}")

    return check


def in_priorities(_instance: object, attribute: Attribute[Any], value: object) -> None:
    """Refuse a priority that not every data store can keep."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{attribute.name} must be of type int, got: {value!r:.100}")
    if value not in PRIORITIES:
        raise ValueError(
            f"{attribute.name} must be in {PRIORITIES.start}..{PRIORITIES.stop - 1}, got: {value}"
        )


def running_limit(_instance: object, attribute: Attribute[Any], value: object) -> None:
    """Refuse what is no number, and a limit below one."""
    check_running_limit(attribute.name, value)


def check_running_limit(name: str, value: object) -> None:
    """Refuse what is no number, and a limit below one; `None` is no limit."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, got: {value!r:.100}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got: {value}")
    if value > MAX_LIMIT:
        raise ValueError(f"{name} must be at most {MAX_LIMIT}, got: {value}")


def length(_instance: object, attribute: Attribute[Any], value: timedelta) -> None:
    """Refuse what is no length of time, or a negative one."""
    check_length(attribute.name, value)
    if value < _NO_TIME:
        raise ValueError(
            f"{attribute.name} must not be negative, got: {value.total_seconds():g} seconds"
        )


def positive_length(_instance: object, attribute: Attribute[Any], value: timedelta) -> None:
    """Refuse what is no length of time, or none above zero."""
    check_length(attribute.name, value)
    if value <= _NO_TIME:
        raise ValueError(
            f"{attribute.name} must be positive, got: {value.total_seconds():g} seconds"
        )


def positive_length_or_none(
    instance: object, attribute: Attribute[Any], value: timedelta | None
) -> None:
    """Refuse what is neither `None` nor a length of time above zero."""
    if value is not None:
        positive_length(instance, attribute, value)


def length_or_none(instance: object, attribute: Attribute[Any], value: timedelta | None) -> None:
    """Refuse what is neither a length of time nor `None`, or a negative one."""
    if value is not None:
        length(instance, attribute, value)
