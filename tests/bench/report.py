"""docs/benchmarks.md: the figures of one run, without dates, so that only figures ever differ."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path

from tests.bench.measure import Section
from tests.lab.host import LabHost

REPORT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"

_HEAD = """# Benchmarks

`make bench` measures these on a booted Debian 13 host (systemd, Podman and a registry in a container of its
own) and writes this page; `python -m tests.bench NAME` measures one. Beacon runs with Debian's own Python
and packages, and its peers run in the same minutes on the same machine.

Machine: {machine}.

Times are wall clock of whole processes, Python's start included: the median, and in brackets the least and
the most. The machine does other work at the same time, which only ever adds, at times more than the command
itself takes; calm moments are waited for, but not for ever. So a bar in seconds is held against the least of
the runs, and one that compares, where nothing else is said, against the medians of commands that took turns.
A bar that does not hold makes `make bench` fail.
"""


def write_report(host: LabHost, sections: Iterable[Section]) -> None:
    """Write the page."""
    parts = [_HEAD.format(machine=describe(host)).rstrip(), *map(str, sections)]
    REPORT.write_text("\n\n".join(parts) + "\n")


def describe(host: LabHost) -> str:
    """Return the machine in one line."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = " ".join(found[1].split()) if found else platform.machine()
    kernel = ".".join(platform.release().split("-")[0].split(".")[:2])
    versions = ", ".join(
        [
            "Python " + host.run("python3", "--version").stdout.split()[-1],
            "Podman " + host.run("podman", "--version").stdout.split()[-1],
            "systemd " + host.run("systemctl", "--version").stdout.split()[1],
        ]
    )
    return f"{os.cpu_count()} processors ({processor}), {memory:.0f} GiB, Linux {kernel}; {versions}"
