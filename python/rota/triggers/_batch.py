"""What many due triggers give, asked together."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rota import _backend
from rota.model._exceptions import MaxIterationsReached
from rota.triggers._planned import PlannedTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rota.abc import Trigger
    from rota.model._enums import CoalescePolicy

__all__ = ["Due", "due_of_many"]

#: the fire times that a policy keeps, and the next one; see `Trigger.due`
Due: TypeAlias = "tuple[Sequence[datetime], datetime | None]"


def due_of_many(
    triggers: Sequence[Trigger],
    pending: Sequence[datetime],
    now: datetime,
    policies: Sequence[CoalescePolicy],
    limit: int,
) -> list[Due | BaseException]:
    """Return what `Trigger.due` returns or raises for each trigger; one that raises does not affect the others.

    Those that the selected core has compiled are asked in one call.
    """
    answers: list[Due | BaseException | None] = [None] * len(triggers)
    indexes, cursors = [], []
    for index, trigger in enumerate(triggers):
        if isinstance(trigger, PlannedTrigger) and not trigger.stateful:
            cursor = trigger._begun()
            if isinstance(cursor, _backend.core.Cursor):
                indexes.append(index)
                cursors.append(cursor)
                continue
        answers[index] = _due(trigger, pending[index], now, policies[index], limit)
    found = _backend.core.due_batch(
        cursors,
        [pending[index] for index in indexes],
        now,
        [policies[index]._value_ for index in indexes],
        limit,
    )
    limits = _backend.iteration_limits()
    for index, answer in zip(indexes, found, strict=True):
        answers[index] = MaxIterationsReached(str(answer)) if isinstance(answer, limits) else answer
    return [answer for answer in answers if answer is not None]


def _due(
    trigger: Trigger, pending: datetime, now: datetime, policy: CoalescePolicy, limit: int
) -> Due | BaseException:
    try:
        return trigger.due(pending, now, policy, limit)
    except BaseException as error:  # noqa: BLE001 - a trigger of a user may raise anything
        return error
