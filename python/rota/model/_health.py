"""How a scheduler is doing."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rota.model._enums import RunState

__all__ = ["Health"]


def _read_only(problems: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(problems))


@frozen(kw_only=True)
class Health:
    """What a scheduler knows of itself, without asking anybody.

    :param state: where it is in its life cycle
    :param problems: what does not work at present, and why: the "data store" or the "event broker", or what it is
        trying to do in vain, such as "processing schedules". Without the data store nothing new is started; without
        the event broker what others do is noticed later. Both are tried again until they work
    """

    state: RunState
    problems: Mapping[str, str] = field(factory=dict, converter=_read_only)

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problems
