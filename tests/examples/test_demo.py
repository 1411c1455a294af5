"""The demonstration runs as a program, and what it shows is true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "examples" / "demo"
TWO_LINES = """
# nightly: made up
30 3 * * * root /usr/bin/backup --all
# often: made up
*/10 * * * * root /usr/bin/poll [x]
"""


def run_demo(*arguments: str, columns: int = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DEMO), "--live-seconds", "2", "--zone", "UTC", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": str(columns)},
        check=False,
    )


@pytest.mark.parametrize("columns", [80, 120])
def test_demo_shows_the_next_day_a_week_and_live_jobs(tmp_path: Path, columns: int) -> None:
    crontab = tmp_path / "crontab"
    crontab.write_text(TWO_LINES)
    ran = run_demo("--crontab", str(crontab), columns=columns)

    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    tomorrow, _, rest = ran.stdout.partition("A simulated week")
    week, _, live = rest.partition("Live, for 2 seconds")
    assert re.search(r"nightly +30 3 \* \* \* .* 1 +\w+ 03:30", tomorrow)
    assert re.search(r"often +\*/10 \* \* \* \* .* 144 ", tomorrow)
    assert re.search(r"often +1,00[89] +1,00[89] ", week)  # the minute of the start counts, too
    assert re.search(r"nightly +7 +7 ", week)
    assert "not as often" not in week
    assert re.search(r"\d\d:\d\d:\d\d +heartbeat +\d+\.\d\d ms late", live)
    assert max(map(len, ran.stdout.splitlines())) <= columns


def test_crontab_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    crontab = tmp_path / "crontab"
    crontab.write_text("# fine\n\n30 3 nonsense\n")
    ran = run_demo("--crontab", str(crontab))

    assert ran.returncode != 0
    assert "crontab, line 3: not a crontab entry, got: '30 3 nonsense'" in ran.stderr
