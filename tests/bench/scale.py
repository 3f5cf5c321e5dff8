"""A thousand definitions: what rendering and planning them takes, and whether it grows with them alone."""

from __future__ import annotations

from pathlib import Path

from tests.bench.measure import Bar, BenchError, Section, Table, Timing, number, time_commands
from tests.lab.host import LabHost

COUNTS = (100, 550, 1000)
SECONDS = 1.5
MIB = 120
GROWTH = 1.3

_GENERATE = Path(__file__).with_name("generate.py")
_QUADLET = "/etc/containers/systemd"
_VERBS = {
    "render": ("beacon", "render"),
    "plan, nothing installed": ("beacon", "plan"),
    "plan, all installed": ("beacon", "plan"),
    "plan, all installed, after an upgrade": ("beacon", "plan"),
}
_INSIDE = "/var/tmp/generate.py"  # noqa: S108 (on a host of our own)


def measure(host: LabHost) -> Section:
    """Time `beacon render` and `beacon plan` for more and more definitions."""
    host.write(_INSIDE, _GENERATE.read_text())
    timings: dict[str, list[Timing]] = {verb: [] for verb in _VERBS}
    for count in COUNTS:
        host.run("sh", "-c", f"rm -f {_QUADLET}/beacon-*")
        host.run("python3", _INSIDE, str(count), timeout=120)
        host.run("systemctl", "daemon-reload", timeout=120)
        for verb, command in _VERBS.items():
            if verb == "plan, all installed":
                host.run("beacon", "render", "--output", _QUADLET, timeout=300)
                host.run("systemctl", "daemon-reload", timeout=300)
            if verb.endswith("upgrade"):
                host.run("python3", _INSIDE, str(count), "--upgraded", timeout=120)
            (timing,) = time_commands(host, command)
            if "all installed" in verb and not timing.outputs[0].startswith("nothing to do"):
                raise BenchError(f"the plan is not empty:\n{timing.outputs[0][:2000]}")
            timings[verb].append(timing)
    section = Section(
        "A thousand definitions",
        "Every definition is filled in with what its image says, rendered (a container and three more files) "
        "and planned for: against an empty folder, with the diff of every file, and against one in which all "
        "is as it should be. Releases are known, so no registry is asked; while the text of a definition is "
        "the same, its release says what it means, and after an upgrade of Beacon each is read anew. Seconds "
        "of the whole process; that it grows with the definitions alone is told by processor time.",
    )
    rows = []
    for verb, taken in timings.items():
        few, some, many = (timing.cpu.least for timing in taken)
        least = taken[-1].seconds.least
        growth = ((many - some) / (COUNTS[2] - COUNTS[1])) / ((some - few) / (COUNTS[1] - COUNTS[0]))
        peak = taken[-1].peak
        rows.append((verb, *(str(timing.seconds) for timing in taken), number(growth), number(peak)))
        section.bars += [
            Bar(f"{verb}: {number(least)} s for {COUNTS[2]}, at most {SECONDS}", least <= SECONDS),
            Bar(f"{verb}: peak memory of {number(peak)} MiB, at most {MIB}", peak <= MIB),
            Bar(
                f"{verb}: the second half of the definitions takes {number(growth)} times as long as the "
                f"first, at most {GROWTH}",
                growth <= GROWTH,
            ),
        ]
    headings = ("command", *(f"{count} definitions" for count in COUNTS), "second half / first", "peak MiB")
    section.tables.append(Table(headings, tuple(rows)))
    return section
