"""Try an installed wheel: the right backend answers, and a scheduler runs a job. Argument: the wheel's file name."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path

import rota

expected = "python" if sys.argv[1].endswith("-none-any.whl") else "rust"
assert rota.backend == expected, f"backend must be {expected}, got: {rota.backend}"
assert (Path(rota.__file__).parent / "py.typed").exists(), "py.typed must be installed"

noon = rota.CronTrigger.from_crontab(
    "0 12 * * *", start_time=datetime(2026, 1, 1, tzinfo=timezone.utc), timezone="UTC"
)
assert noon.next() == datetime(2026, 1, 1, 12, tzinfo=timezone.utc)

with rota.Scheduler() as scheduler:
    scheduler.start_in_background()
    assert scheduler.run_job(max, args=[1, 2]) == 2
print(f"rota {rota.__version__} on {expected}, Python {sys.version.split()[0]}: fine")  # noqa: T201 - a command's answer
