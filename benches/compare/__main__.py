"""Measures rota against its peers and writes the tables into benches/README.md.

`python -m benches.compare [SECTION ...] [--quick] [--no-write]` with the sections triggers, steps, imports,
commands, memory, stores, brokers and cluster; without any, the first five: the others need servers.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
from pathlib import Path

from benches.compare import (
    cluster,
    commands,
    excerpt,
    imports,
    memory,
    steps,
    stores,
    trigger_report,
    triggers,
)

README = Path(__file__).parents[1] / "README.md"
SECTIONS = ("triggers", "steps", "imports", "commands", "memory", "stores", "brokers", "cluster")


def main() -> None:
    """Run the sections that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benches.compare", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="|".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="few repeats, for a first look")
    parser.add_argument("--no-write", action="store_true", help="only print")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"section must be one of {', '.join(SECTIONS)}, got: {', '.join(unknown)}")
    for section in options.sections or SECTIONS[:5]:
        lines = [_machine(), "", *run(section, options.quick)]
        text = "\n".join(lines)
        print(f"\n{text}\n", flush=True)
        if not options.no_write:
            _write(section, text)
            excerpt.write()


def run(section: str, quick: bool) -> list[str]:
    """Measure one section and return its Markdown."""
    if section == "triggers":
        return trigger_report.report(triggers.measure(*((3, 5) if quick else (9, 15))))
    if section == "steps":
        return steps.report(steps.measure(1 if quick else 3))
    if section == "imports":
        return imports.report(imports.measure(5 if quick else 21))
    if section == "commands":
        return commands.report(commands.measure(5 if quick else 21))
    if section == "memory":
        return memory.report(memory.measure(1 if quick else 3))
    if section == "brokers":
        return cluster.report_brokers(cluster.measure_brokers(20 if quick else 100))
    if section == "cluster":
        return cluster.report_cluster(cluster.measure_cluster())
    return stores.report(stores.measure(1 if quick else 3))


def _machine() -> str:
    """Return what is worth knowing of the machine, in one line."""
    cpu = platform.processor() or platform.machine()
    try:
        found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
        cpu = found.group(1).strip() if found else cpu
    except OSError:
        pass
    return f"Machine: {cpu}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}."


def _write(section: str, text: str) -> None:
    """Put the text between the markers of the section."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    readme = README.read_text()
    before, _, rest = readme.partition(begin)
    _, _, after = rest.partition(end)
    if not rest or not after:
        raise SystemExit(f"{README} must have the markers of the section, got none for: {section}")
    README.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


if __name__ == "__main__":
    main()
