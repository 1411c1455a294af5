"""All short histories of two nodes, and the rules without which they break promises."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from rota.datastores._memory.records import Record
from rota.datastores._memory.results import ResultTable
from rota.datastores._memory.schedules import ScheduleTable
from rota.model import AbandonedPolicy
from tests.simulation._lease_model import Action, Violation, explore

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once

DEPTH = 6
#: what has been done before: nothing, or a schedule has given its first job
BEGINNINGS: dict[str, tuple[Action, ...]] = {
    "nothing": (),
    "a job": (("claim schedule", "A"), ("fire", "A")),
}


@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("policy", AbandonedPolicy)
def test_no_history_breaks_a_promise(
    policy: AbandonedPolicy, beginning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    states = explore(DEPTH, policy, first=BEGINNINGS[beginning], settle=True)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{states:,} states within {DEPTH} actions after {beginning}, policy {policy.name}\n"
        )
    assert states > 1_000


def _any_schedule_claim(self: Any, id_: str, owner: str, token: int) -> Any:
    return self._claims.get(id_)


def _any_job_claim(self: Any, owner: str, token: int) -> bool:
    return self.lease is not None


def _no_unique_key(self: Any, fire_time: object) -> bool:
    return True


MUTANTS: dict[str, tuple[type, str, Callable[..., Any], str, str]] = {
    "the token of a schedule is not tested": (
        ScheduleTable,
        "_current_claim",
        _any_schedule_claim,
        "an older claim",
        "nothing",
    ),
    "the token of a job is not tested": (
        Record,
        "is_held",
        _any_job_claim,
        "an older claim",
        "a job",
    ),
    "fire times are not unique": (ResultTable, "take", _no_unique_key, "has two jobs", "nothing"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_a_rule_a_promise_is_broken(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, replacement, promise, beginning = MUTANTS[mutant]
    monkeypatch.setattr(owner, name, replacement)
    with pytest.raises(Violation, match=promise):
        explore(DEPTH + 1, AbandonedPolicy.run_again, first=BEGINNINGS[beginning])


def test_who_does_not_heed_deadlines_breaks_a_promise() -> None:
    with pytest.raises(Violation, match="did not hold it any more"):
        explore(DEPTH, AbandonedPolicy.run_again, first=BEGINNINGS["a job"], heeds_deadlines=False)
