"""The tables of a trigger run, and its targets."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import TYPE_CHECKING

from benches.compare.targets import Target, nanoseconds, table, target_table
from benches.compare.workers.cases import MISSED, NEW, PATTERNS, ZONES

if TYPE_CHECKING:
    from benches.compare.triggers import Timings

RUST, REFERENCE, APS4 = "rota (rust)", "rota (reference)", "APScheduler 4"
COMBINED = ("interval", "calendar interval", "or", "and")


def report(timings: Timings) -> list[str]:
    """Return the Markdown of a run."""
    return [
        *_versions(timings),
        "",
        "A stateful `next()`:",
        "",
        *_table(timings, "next", [*PATTERNS, *COMBINED]),
        "",
        *_yardsticks(timings),
        "",
        "Construction from a crontab expression, and construction with the first fire time (rota compiles then):",
        "",
        *_table(timings, "construct", [*PATTERNS, NEW]),
        "",
        *_table(timings, "construct and first", [*PATTERNS, NEW]),
        "",
        "What only rota offers:",
        "",
        *_own(timings),
        "",
        *_differences(timings),
        "",
        *target_table(targets(timings)),
    ]


def targets(timings: Timings) -> list[Target]:
    """Return the targets with what the run reached."""

    def times(mine: str, peer: str, kind: str, subjects: Iterable[str]) -> dict[str, float]:
        found = {}
        for subject in subjects:
            for zone in ZONES:
                row = timings.nanoseconds.get(f"{kind}/{subject}/{zone}", {})
                if mine in row and peer in row:
                    found[f"{subject}, {zone}"] = row[peer] / row[mine]
        return found

    def cost(
        kind: str, subjects: Iterable[str], zones: Iterable[str], per: int
    ) -> dict[str, float]:
        rows = {
            f"{s}, {z}": timings.nanoseconds.get(f"{kind}/{s}/{z}", {})
            for s in subjects
            for z in zones
        }
        return {case: row[RUST] / per for case, row in rows.items() if RUST in row}

    ns = "{:.0f} ns"
    compiled = times(RUST, APS4, "construct and first", [*PATTERNS, NEW])
    return [
        Target(
            "reference: `next()` against APScheduler 4", 3, times(REFERENCE, APS4, "next", PATTERNS)
        ),
        Target(
            "reference: the And against APScheduler 4", 100, times(REFERENCE, APS4, "next", ["and"])
        ),
        Target(
            "rust: `next()` against croniter-rs", 3, times(RUST, "croniter-rs", "next", PATTERNS)
        ),
        Target("rust: `next()` against cronsim", 20, times(RUST, "cronsim", "next", PATTERNS)),
        Target("rust: `next()` against APScheduler 4", 70, times(RUST, APS4, "next", PATTERNS)),
        Target(
            "rust: interval and calendar interval against APScheduler 4",
            10,
            times(RUST, APS4, "next", ["interval", "calendar interval"]),
        ),
        Target("rust: the And against APScheduler 4", 1000, times(RUST, APS4, "next", ["and"])),
        Target("rust: the Or against APScheduler 4", 50, times(RUST, APS4, "next", ["or"])),
        Target(
            "rust: next n, per `datetime`",
            60,
            cost("next n", ["every 5 minutes"], ZONES, 1000),
            True,
            ns,
        ),
        Target(
            "rust: next n, per instant as microseconds",
            20,
            cost("next n micros", ["every 5 minutes"], ZONES, 1000),
            True,
            ns,
        ),
        Target(
            "rust: constructing a cron trigger and its first fire time against APScheduler 4",
            4,
            compiled,
        ),
        Target("rust: coalescing `latest`", 1000, cost("latest", MISSED, ["UTC"], 1), True, ns),
    ]


def _versions(timings: Timings) -> list[str]:
    said = [f"{peer} {about['version']}" for peer, about in timings.versions.items()]
    python = sorted({about["python"] for about in timings.versions.values()})
    lines = [f"Versions: {', '.join(said)}; CPython {', '.join(python)}."]
    if timings.absent:
        reasons = [f"{peer}: {reason}" for peer, reason in timings.absent.items()]
        lines.append(f"Left out, because they could not be run here: {'; '.join(reasons)}.")
    return lines


def _table(timings: Timings, kind: str, subjects: Iterable[str]) -> list[str]:
    cases = [(subject, zone) for subject in subjects for zone in ZONES]
    rows = {case: timings.nanoseconds.get(f"{kind}/{case[0]}/{case[1]}", {}) for case in cases}
    peers = [peer for peer in timings.versions if any(peer in row for row in rows.values())]
    return table(
        ["", "zone", *peers],
        [
            [_subject(subject), zone, *(nanoseconds(row.get(peer)) for peer in peers)]
            for (subject, zone), row in rows.items()
        ],
        numbers_from=2,
    )


def _subject(subject: str) -> str:
    return f"`{PATTERNS[subject][0]}`" if subject in PATTERNS else subject


def _yardsticks(timings: Timings) -> list[str]:
    """Return what no library can undercut, each in the same loop: the median over all interpreters of the run."""
    found = {
        subject: nanoseconds(median(timings.nanoseconds[f"yardstick/{subject}/UTC"].values()))
        for subject in ("empty method call", "aware datetime")
    }
    return [
        f"Yardsticks, in the same loop: calling an empty method {found['empty method call']}; "
        f"`datetime(2026, 1, 1, 12, 30, 0, 0, zone)` in a lambda {found['aware datetime']}."
    ]


def _own(timings: Timings) -> list[str]:
    peers = [peer for peer in (RUST, REFERENCE) if peer in timings.versions]
    cases = [
        (f"`{name}(1000)`, per fire time, {zone}", f"{kind}/every 5 minutes/{zone}", 1000)
        for name, kind in (("next_n", "next n"), ("next_micros", "next n micros"))
        for zone in ZONES
    ]
    cases += [
        (f"`due(..., latest)` after {missed} of missed seconds", f"latest/{missed}/UTC", 1)
        for missed in MISSED
    ]
    rows = []
    for text, case, per in cases:
        row = timings.nanoseconds.get(case, {})
        rows.append(
            [text, *(nanoseconds(row[peer] / per if peer in row else None) for peer in peers)]
        )
    return table(["", *peers], rows, numbers_from=1)


def _differences(timings: Timings) -> list[str]:
    """Return which peers answered something else than the first one did."""
    by_peer: dict[str, list[str]] = {}
    for case, peers in timings.differing.items():
        for peer, (theirs, ours) in peers.items():
            _, subject, zone = case.split("/", 2)
            by_peer.setdefault(peer, []).append(
                f"{_subject(subject)} in {zone} ({theirs}, not {ours})"
            )
    if not by_peer:
        return ["The first 100 answers of all libraries are equal."]
    first = next(iter(timings.versions))
    lines = [
        f"Where one of the first 100 answers is not that of {first}, with the first such answer:",
        "",
    ]
    for peer, cases in by_peer.items():
        more = f" and {len(cases) - 2} more cases" if len(cases) > 2 else ""
        lines.append(f"- {peer}: {', '.join(cases[:2])}{more}")
    return lines
