"""Times the triggers of rota and of its peers in one run, repeats interleaved."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from benches.compare.peers import TRIGGER_PEERS, Peer, Worker
from benches.compare.workers.cases import CASES


@dataclass
class Timings:
    """What a run has found.

    :param versions: peer -> what its worker said of itself
    :param nanoseconds: case -> peer -> median nanoseconds per call
    :param unsupported: case -> peer -> why there is no figure
    :param differing: case -> peer -> its first answer that is not the first peer's, and that one's
    :param absent: peer -> why it could not be run at all
    """

    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    nanoseconds: dict[str, dict[str, float]] = field(default_factory=dict)
    unsupported: dict[str, dict[str, str]] = field(default_factory=dict)
    differing: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def measure(
    repeats: int,
    budget_ms: float,
    peers: Sequence[Peer] = TRIGGER_PEERS,
    select: Callable[[str], bool] = lambda _: True,
) -> Timings:
    """Time every selected case on every peer `repeats` times, about `budget_ms` each; keep medians."""
    timings = Timings()
    with ExitStack() as stack:
        workers = _start(peers, timings, stack)
        cases = [name for name in CASES if select(name)]
        for case in cases:
            _compare_answers(case, workers, timings)
        samples: dict[tuple[str, str], list[float]] = {}
        for repeat in range(repeats):
            print(f"triggers: repeat {repeat + 1} of {repeats}", file=sys.stderr)
            for case in cases:
                # rotated, so that no peer always runs after the same one
                for worker in workers[repeat % len(workers) :] + workers[: repeat % len(workers)]:
                    if worker.peer.name in timings.unsupported.get(case, ()):
                        continue
                    answer = worker.ask(case=case, budget_ns=round(budget_ms * 1e6))
                    if "ns" in answer:
                        samples.setdefault((case, worker.peer.name), []).append(answer["ns"])
        for (case, peer), found in samples.items():
            timings.nanoseconds.setdefault(case, {})[peer] = median(found)
    return timings


def _start(peers: Sequence[Peer], timings: Timings, stack: ExitStack) -> list[Worker]:
    workers = []
    for peer in peers:
        try:
            worker = stack.enter_context(Worker(peer))
        except (OSError, RuntimeError) as error:
            timings.absent[peer.name] = str(error)
            print(f"{peer.name} left out: {error}", file=sys.stderr)
            continue
        timings.versions[peer.name] = worker.about
        workers.append(worker)
    return workers


def _compare_answers(case: str, workers: Sequence[Worker], timings: Timings) -> None:
    """Note which peers do not offer the case, and whose first answers differ from the first peer's."""
    expected: list[str] = []
    start = CASES[case].start.replace(tzinfo=None).isoformat(" ")
    comparable = case.startswith("next/")
    for worker in workers:
        answer = worker.ask(case=case, first=100 if comparable else 1)
        if "unsupported" in answer:
            timings.unsupported.setdefault(case, {})[worker.peer.name] = answer["unsupported"]
        elif comparable:
            # some count the start itself as a fire time, some do not
            found = [moment for moment in answer["first"] if not moment.startswith(start)]
            expected = expected or found
            for theirs, ours in zip(found, expected, strict=False):
                if theirs != ours:
                    timings.differing.setdefault(case, {})[worker.peer.name] = theirs, ours
                    break
