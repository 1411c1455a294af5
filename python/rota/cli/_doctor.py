"""`rota doctor`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from rota.cli._output import as_json_option, print_json
from rota.cli._store import StoreOptions, interface, on_store, open_store, require_file, run_async

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rota import Event, Job, Schedule

__all__ = ["command"]

SKEW = timedelta(seconds=2)
LATE = timedelta(minutes=1)


@click.command("doctor")
@on_store
@as_json_option
@run_async
async def command(store: StoreOptions, as_json: bool) -> None:
    """Look at a data store from outside, and say what is wrong. The status is 1 if something is."""
    findings = await _examine(store)
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            click.echo(
                f"{'ok ' if finding['ok'] else 'BAD'}  {finding['what']}: {finding['found']}"
            )
    if not all(finding["ok"] for finding in findings):
        raise click.exceptions.Exit(1)


def _finding(what: str, ok: bool, found: object) -> dict[str, Any]:
    return {"what": what, "ok": ok, "found": str(found)}


async def _examine(options: StoreOptions) -> list[dict[str, Any]]:
    import rota
    from rota.datastores.sql.schema import VERSION

    data_store = open_store(options)
    await require_file(options.url)
    findings = [_finding("trigger backend", True, rota.backend)]
    try:
        version = await data_store.schema_version()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return [
            *findings,
            _finding("data store", False, f"it does not answer: {error}".split("\n")[0]),
        ]
    findings.append(_finding("data store", True, "it answers"))
    current = version == VERSION
    shown = "there are none; run: rota db upgrade" if version is None else f"version {version}"
    findings.append(
        _finding(
            "tables",
            current,
            shown if current or version is None else f"{shown}, not {VERSION}",
        )
    )
    if not current:
        return findings
    unreadable: list[Event] = []
    async with interface(options, unreadable) as scheduler:
        here = scheduler.clock.now()
        now = await scheduler.data_store.now()
        schedules = await scheduler.get_schedules()
        jobs = await scheduler.get_jobs()
    skew = abs(now - here)
    findings.append(
        _finding("clock", skew <= SKEW, f"{skew.total_seconds():.3f} s off the data store's")
    )
    findings.append(
        _finding(
            "schedules and jobs that cannot be read", not unreadable, len(unreadable) or "none"
        )
    )
    return [*findings, *_of_schedules(schedules, now), *_of_jobs(jobs, now)]


def _of_schedules(schedules: Sequence[Schedule], now: datetime) -> list[dict[str, Any]]:
    aside = [s.id for s in schedules if s.error is not None]
    overdue = [
        s.id
        for s in schedules
        if s.error is None
        and not s.paused
        and s.next_fire_time is not None
        and now - s.next_fire_time > LATE
    ]
    return [
        _finding(
            "schedules",
            True,
            f"{len(schedules)}, of which {sum(s.paused for s in schedules)} paused",
        ),
        _finding("schedules set aside because of an error", not aside, _some(aside)),
        _finding("schedules overdue for more than a minute", not overdue, _some(overdue)),
    ]


def _of_jobs(jobs: Sequence[Job], now: datetime) -> list[dict[str, Any]]:
    running = [job for job in jobs if job.acquired_by]
    expired = [
        str(j.id) for j in running if j.acquired_until is not None and j.acquired_until < now
    ]
    owners = {job.acquired_by for job in running}
    return [
        _finding(
            "jobs",
            True,
            f"{len(jobs) - len(running)} waiting, {len(running)} held by {len(owners)} workers",
        ),
        _finding("jobs whose worker is gone", not expired, _some(expired)),
    ]


def _some(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:5])
    return f"{len(ids)}: {shown}{', ...' if len(ids) > 5 else ''}" if ids else "none"
