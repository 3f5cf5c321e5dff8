"""docs/benchmarks.md: the figures of one run, without dates, so that only figures ever differ."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Mapping
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


_SOAK = """## Killed at random instants

`make soak` kills updates with SIGKILL at random instants. Three services are updated at once, to good and bad
images in turn: one is restarted, one swapped behind the proxy, and of one requests wait. Each time one
consistent release has to run, the next run to end what was begun, and only bad images to be quarantined.
Apps are installed, revised and removed under the same fire. And each app of the catalog goes its whole way,
with images that check all that they are given.
"""


def write_report(host: LabHost, sections: Iterable[Section]) -> None:
    """Write the page; what `make soak` has noted stays."""
    head = _HEAD.format(machine=describe(host)).rstrip()
    _write([head, *map(str, sections)], _soaked(REPORT.read_text()))


def note_soak(kind: str, ended: str) -> None:
    """Write in the page how a soak on one kind of host *ended*, in the place of the one before."""
    page = REPORT.read_text()
    lines = {**_soaked(page), kind: ended}
    _write([page.partition(_SOAK)[0].rstrip()], lines)


def _soaked(page: str) -> dict[str, str]:
    """Return how the last soaks ended, by the kind of host."""
    lines = page.partition(_SOAK)[2].splitlines()
    return dict(line.removeprefix("- ").split(": ", 1) for line in lines if line)


def _write(parts: list[str], soaked: Mapping[str, str]) -> None:
    if soaked:
        lines = (f"- {kind}: {ended}" for kind, ended in sorted(soaked.items()))
        parts = [*parts, f"{_SOAK}\n" + "\n".join(lines)]
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
